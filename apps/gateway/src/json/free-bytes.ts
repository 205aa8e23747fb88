import { MessageChannel, type MessagePort } from 'node:worker_threads'

/** Below this size, views may share a buffer, and the garbage collector is quick enough. */
const LARGE_BYTES = 64 * 1024

/**
 * Frees the memory of bytes that nothing reads any more at once, if it is much. The garbage collector
 * alone would keep it until memory is scarce: large buffers are off its heap and survive many of its
 * cycles. Must not be used on bytes that are being written to a socket.
 */
export function freeBytes({ buffer, length }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || length < LARGE_BYTES) return
  closedPort.postMessage(undefined, [buffer])
}

/** Drops what is sent to it, with the memory that is transferred. */
const closedPort = createClosedPort()

function createClosedPort(): MessagePort {
  const { port1 } = new MessageChannel()
  port1.close()
  return port1
}
