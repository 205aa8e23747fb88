/** Most plaintext in a chunk of a request, after its first: the `max_chunk` of the key statement. */
export const MAX_CHUNK = 65_536

/**
 * Most pieces of a request: chunks, and pieces of content. A caller that sends single bytes would occupy the
 * processor for longer than its request is worth.
 */
export const MAX_PIECES = 65_536
