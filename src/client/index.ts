/**
 * client: the Docker Engine API from the outside, over a unix socket or TCP.
 *
 * One small class for what the commands and the lab need: JSON requests, streamed bodies both ways,
 * and hijacked connections. It decides nothing: what the agent refuses comes back as an `ApiError`
 * with Docker's status and message. It keeps no connection between calls.
 * Inputs: an endpoint (`parseEndpoint`); outputs: parsed JSON or byte streams. Responses that are
 * read whole are limited to 64 MiB. Start with `api-client.ts`.
 */
export { ApiClient, type ApiRequest, type OutputSink, type Query } from './api-client.ts';
export { parseEndpoint, endpointText, type Endpoint } from './endpoint.ts';
export { ApiError, type ApiErrorDetail } from './errors.ts';
export { StdStreamDecoder, type StdStreamName } from './std-stream.ts';
