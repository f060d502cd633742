/**
 * A client of signers that others run, over cfssl's HTTP interface: `POST <URL>` with a
 * `certificate_request`, the subject and host names to put in; `{success, result: {certificate}}`
 * comes back.
 *
 * Source: cfssl's doc/api/endpoint_sign.txt; which fields Swarm sends, because signers are set up
 * for those. The signer must show a certificate of one of the cluster's roots; this node shows its
 * own.
 */
import { X509Certificate, createPublicKey } from 'node:crypto';
import { request } from 'node:https';
import { connect } from 'node:tls';
import { z } from 'zod';
import { messageOf } from '../../../base/index.ts';
import type { ExternalAuthority } from '../../../model/index.ts';
import { ClusterError } from '../../errors.ts';
import { ROLE_UNIT, subjectOf, type CertificateSubject } from '../certificates.ts';
import { splitCertificates } from '../trust.ts';
import { loadX509, generateRequest } from '../x509.ts';
import type { Authority } from './root.ts';

/** How a manager reaches signers: what it shows, and for how long it waits. */
export interface SignerAccess {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** Signers of one root, in the order in which they are tried. */
export interface ExternalSigners {
  readonly rootPem: string;
  /** Roots that a signer's own certificate may be of. */
  readonly trustPem: string;
  readonly signers: readonly ExternalAuthority[];
  /** Absent while a cluster is made and its first node has no certificate yet. */
  readonly access: SignerAccess | undefined;
}

const REQUEST_MS = 10_000;
const CONNECT_MS = 5_000;
const REPLY_BYTES_MAX = 64 << 10;

const replySchema = z.object({
  success: z.boolean(),
  result: z.object({ certificate: z.string() }).nullish(),
  errors: z.array(z.object({ code: z.number(), message: z.string() }).partial()).nullish(),
});

/**
 * A certificate for the key of `requestPem`, with what the signer put below its root. Checked:
 * subject, key, and that the root signed it. Throws `ClusterError`.
 */
export async function signExternally(
  via: ExternalSigners,
  subject: CertificateSubject,
  requestPem: string,
): Promise<string> {
  const unit = ROLE_UNIT[subject.role];
  const names = [{ OU: unit, O: subject.clusterId }];
  const chain = await sign(via, {
    certificate_request: requestPem,
    hosts: [unit, subject.nodeId, ...(subject.role === 'manager' ? ['swarm-ca'] : [])],
    subject: { CN: subject.nodeId, names },
  });
  const [first] = splitCertificates(chain);
  if (first === undefined) throw failed('it answered without a certificate');
  const leaf = new X509Certificate(first);
  const named = subjectOf(leaf);
  const { nodeId, clusterId, role } = subject;
  if (named?.nodeId !== nodeId || named.clusterId !== clusterId || named.role !== role)
    throw failed('it answered with a certificate of another subject');
  if (leaf.ca) throw failed('it answered with the certificate of an authority');
  await requireChain(chain, via.rootPem, requestPem);
  return chain;
}

/** The key of `next`'s root, certified by the root of external signers. Throws `ClusterError`. */
export async function crossSignExternally(via: ExternalSigners, next: Authority): Promise<string> {
  const x509 = await loadX509();
  const certificate = new x509.X509Certificate(next.certificatePem);
  const requestPem = await generateRequest(x509, next);
  const constraints = new x509.BasicConstraintsExtension(true, 0, true);
  const name = certificate.subjectName;
  const chain = await sign(via, {
    certificate_request: requestPem,
    subject: { CN: name.getField('CN')[0] ?? '', names: [{ O: name.getField('O')[0] ?? '' }] },
    // cfssl takes this one from the call and not from the request.
    extensions: [
      { id: '2.5.29.19', critical: true, value: Buffer.from(constraints.value).toString('hex') },
    ],
  });
  const [first] = splitCertificates(chain);
  if (first === undefined || !new X509Certificate(first).ca)
    throw failed('it answered without the certificate of an authority');
  await requireChain(chain, via.rootPem, requestPem);
  return chain;
}

/** Whether one of the signers answers with a certificate of the root. */
export async function isReachable(via: ExternalSigners): Promise<boolean> {
  for (const signer of via.signers) {
    const isThere = await handshake(via, new URL(signer.URL)).catch(() => false);
    if (isThere) return true;
  }
  return false;
}

async function handshake(via: ExternalSigners, url: URL): Promise<boolean> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise<boolean>((resolve) => {
    const socket = connect({ host, port: Number(url.port || 443), ...trust(via, host) }, () => {
      resolve(true);
      socket.destroy();
    });
    socket.setTimeout(CONNECT_MS, () => socket.destroy());
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
  });
}

/** The first answer that is a success. Throws the last signer's `ClusterError`. */
async function sign(via: ExternalSigners, call: object): Promise<string> {
  let last = failed('none is known for the root');
  for (const signer of via.signers) {
    try {
      return readReply(await post(via, new URL(signer.URL), JSON.stringify(call)));
    } catch (error) {
      last = failed(`${signer.URL}: ${messageOf(error)}`, error);
    }
  }
  throw last;
}

async function post(via: ExternalSigners, url: URL, body: string): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const headers = { 'content-type': 'application/json' };
    const signal = AbortSignal.timeout(REQUEST_MS);
    const options = { method: 'POST', headers, signal, agent: false, ...trust(via, host) };
    const call = request(url, options, (reply) => {
      let text = '';
      reply.setEncoding('utf8');
      reply.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > REPLY_BYTES_MAX) reply.destroy(new Error('the answer is too long'));
      });
      reply.on('error', reject);
      reply.on('end', () => {
        if (reply.statusCode === 200) resolve(text);
        else reject(new Error(`status ${reply.statusCode ?? 0}: ${text.slice(0, 200)}`));
      });
    });
    call.on('error', reject);
    call.end(body);
  });
}

function trust(via: ExternalSigners, host: string): object {
  const { access } = via;
  return {
    ca: via.trustPem,
    servername: /^[\d.]+$|:/.test(host) ? '' : host,
    ...(access !== undefined && { cert: access.certificatePem, key: access.keyPem }),
  };
}

function readReply(text: string): string {
  const { success, result, errors } = replySchema.parse(JSON.parse(text));
  if (success && result) return result.certificate;
  throw new Error((errors ?? []).map((each) => each.message ?? '').join('; ') || 'it refused');
}

/** The first of the chain is for the request's key, and the root signed it, at once or through. */
async function requireChain(chainPem: string, rootPem: string, requestPem: string): Promise<void> {
  const x509 = await loadX509();
  const { publicKey } = new x509.Pkcs10CertificateRequest(requestPem);
  const spki = Buffer.from(publicKey.rawData);
  const chain = splitCertificates(chainPem).map((pem) => new X509Certificate(pem));
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  if (chain[0]?.publicKey.equals(key) !== true)
    throw failed('it answered with a certificate for another key');
  const root = new X509Certificate(rootPem);
  for (const [at, link] of chain.entries()) {
    if (link.verify(root.publicKey)) return;
    const issuer = chain[at + 1];
    if (issuer === undefined || !link.verify(issuer.publicKey)) break;
  }
  throw failed("it answered with a certificate that is not of the cluster's root");
}

function failed(reason: string, cause?: unknown): ClusterError {
  const message = `an external signer could not sign: ${reason}`;
  return new ClusterError({ code: 'signing-failed' }, message, cause);
}
