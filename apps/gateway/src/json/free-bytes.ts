/** Below this size, views may share a buffer, and the garbage collector is quick enough. */
const LARGE_BYTES = 64 * 1024

/**
 * Frees the memory of bytes that nothing reads any more soon, if it is much. The garbage collector alone would keep it until memory is scarce: large buffers are off its heap and survive many
 * of its cycles. Must not be used on bytes that are being written to a socket.
 */
export function freeBytes(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (!(buffer instanceof ArrayBuffer) || bytes.length < LARGE_BYTES) return
  // Moves the memory to a young object, which the next minor collection frees.
  structuredClone(buffer, { transfer: [buffer] })
}
