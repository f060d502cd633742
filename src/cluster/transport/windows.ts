/** HTTP/2 flow control: bytes that may be on their way before the reader has taken them. */

/**
 * Per stream. The protocol's 64 KiB are too few for a view or a log over more than a few
 * milliseconds.
 */
export const WINDOWS = { initialWindowSize: 1 << 20, enablePush: false };

/** Of all streams of a connection together. */
export const SESSION_WINDOW_BYTES = 4 << 20;
