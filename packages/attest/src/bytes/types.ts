/** Bytes that own an ordinary (not shared) buffer, as WebCrypto wants them. */
export type Bytes = Uint8Array<ArrayBuffer>
