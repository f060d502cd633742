import type { TaskSpec } from '../../model/index.ts';

/**
 * Numbers task specs by what they say, so that equal states give equal snapshots however they share
 * objects.
 */
export class SpecNumbers {
  private count = 0;
  private fresh: string[] = [];
  private readonly byText = new Map<string, number>();
  private readonly byObject = new Map<TaskSpec, number>();

  /** The template of the next service, which its row tells. */
  addTemplate(spec: TaskSpec): void {
    const text = JSON.stringify(spec);
    if (!this.byText.has(text)) this.byText.set(text, this.count);
    this.byObject.set(spec, this.byText.get(text) ?? this.count);
    this.count += 1;
  }

  numberOf(spec: TaskSpec): number {
    const known = this.byObject.get(spec);
    if (known !== undefined) return known;
    const text = JSON.stringify(spec);
    const number = this.byText.get(text) ?? this.add(text);
    this.byObject.set(spec, number);
    return number;
  }

  /** Texts of the specs that no service's row and no earlier call has told, in their order. */
  takeFresh(): readonly string[] {
    const { fresh } = this;
    this.fresh = [];
    return fresh;
  }

  private add(text: string): number {
    this.fresh.push(text);
    this.byText.set(text, this.count);
    this.count += 1;
    return this.count - 1;
  }
}
