/**
 * Overwrites bytes with zeros, as soon as they are not needed any more.
 *
 * What this can and cannot do: it clears this one buffer. It cannot reach copies the engine made
 * while collecting garbage, strings (PEM texts, passwords, prompts: they live until collected),
 * `CryptoKey` objects, memory swapped to disk or a core dump.
 */
export function zeroize(...buffers: readonly (Uint8Array | undefined)[]): void {
  for (const buffer of buffers) buffer?.fill(0)
}
