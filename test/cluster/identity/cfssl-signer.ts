/** A signer as others run one: cfssl's call over HTTPS, on loopback, with a root of its own. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import type { ExecutionContext } from 'ava';
import type { ExternalAuthority } from '../../../src/model/index.ts';

export interface SignCall {
  readonly certificate_request: string;
  readonly hosts?: readonly string[];
  readonly subject: {
    readonly CN: string;
    readonly names: readonly { readonly O?: string; readonly OU?: string }[];
  };
  readonly extensions?: readonly { readonly id: string; readonly value: string }[];
}

export interface Signer {
  readonly rootPem: string;
  readonly rootKeyPem: string;
  readonly authority: ExternalAuthority;
  readonly calls: SignCall[];
  /** Names of those who showed a certificate, one for each call. */
  readonly callers: string[];
  /** Answers with this instead; a number is a status. */
  answer: ((call: SignCall) => string | number) | undefined;
}

/** Signs with openssl, so that what comes back is not of this program's making. */
class Workshop {
  readonly directory = mkdtempSync(join(tmpdir(), 'hawser-signer-'));
  private serial = 100;

  run(...args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.directory, stdio: 'ignore' });
  }

  read(name: string): string {
    return readFileSync(join(this.directory, name), 'utf8');
  }

  sign(requestPem: string, subject: string, extensions: string): string {
    this.serial += 1;
    writeFileSync(join(this.directory, 'request.pem'), requestPem);
    writeFileSync(join(this.directory, 'extensions'), extensions);
    this.run(
      ...['x509', '-req', '-in', 'request.pem', '-CA', 'root.pem', '-CAkey', 'root-key.pem'],
      ...['-set_serial', String(this.serial), '-days', '30', '-subj', subject],
      ...['-extfile', 'extensions', '-out', 'signed.pem'],
    );
    return this.read('signed.pem');
  }
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export async function startSigner(t: ExecutionContext): Promise<Signer> {
  const shop = new Workshop();
  t.teardown(() => rmSync(shop.directory, { recursive: true }));
  const files = ['-keyout', 'root-key.pem', '-out', 'root.pem', '-days', '1000'];
  shop.run('req', '-x509', ...EC, ...files, '-subj', '/CN=external root');
  shop.run('req', ...EC, '-keyout', 'tls-key.pem', '-out', 'tls.csr', '-subj', '/CN=signer');
  const tls = shop.sign(shop.read('tls.csr'), '/CN=signer', 'subjectAltName=IP:127.0.0.1');
  const rootPem = shop.read('root.pem');
  const calls: SignCall[] = [];
  const callers: string[] = [];
  const options = { key: shop.read('tls-key.pem'), cert: tls, requestCert: true };
  const server = createServer({ ...options, rejectUnauthorized: false }, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const call = JSON.parse(body) as SignCall;
      calls.push(call);
      const { socket } = request;
      const shown = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
      callers.push(shown?.subject ?? '');
      const answer = signer.answer?.(call) ?? signed(shop, call);
      response.statusCode = typeof answer === 'number' ? answer : 200;
      response.end(typeof answer === 'number' ? 'no' : answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/cfssl/sign`;
  const signer: Signer = {
    rootPem,
    rootKeyPem: shop.read('root-key.pem'),
    authority: { Protocol: 'cfssl', URL: url, Options: {}, CACert: rootPem },
    calls,
    callers,
    answer: undefined,
  };
  return signer;
}

function signed(shop: Workshop, call: SignCall): string {
  const { CN, names } = call.subject;
  const parts = names.flatMap(({ O, OU }) => [O && `/O=${O}`, OU && `/OU=${OU}`]);
  const isAuthority = call.extensions?.some(({ id }) => id === '2.5.29.19') === true;
  const extensions = isAuthority
    ? 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign'
    : [
        `subjectAltName=${(call.hosts ?? []).map((host) => `DNS:${host}`).join(',')}`,
        'extendedKeyUsage=serverAuth,clientAuth',
      ].join('\n');
  const subject = `${parts.filter(Boolean).join('')}/CN=${CN}`;
  const certificate = shop.sign(call.certificate_request, subject, extensions);
  return JSON.stringify({ success: true, result: { certificate }, errors: [], messages: [] });
}
