/** An agent to be killed: opens a runtime, and creates and starts a container, forever anew. */
import { SILENT_LOGGER, SYSTEM_CLOCK } from '../../../src/base/index.ts';
import { openOciRuntime, type ContainerSpec } from '../../../src/runtime/index.ts';

const { directory, cgroupParent, spec } = JSON.parse(process.argv[2] ?? '') as {
  directory: string;
  cgroupParent: string;
  spec: ContainerSpec;
};
const runtime = await openOciRuntime({
  dataDirectory: `${directory}/one/data`,
  runDirectory: `${directory}/one/run`,
  imageDirectory: `${directory}/images`,
  cgroupParent,
  logger: SILENT_LOGGER,
  clock: SYSTEM_CLOCK,
});
process.stdout.write('open\n');
while (process.connected) {
  await runtime.create(spec);
  await runtime.start(spec.id);
  await runtime.stop(spec.id, 0);
  await runtime.remove(spec.id);
}
