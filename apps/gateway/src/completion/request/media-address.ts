/** Members that model servers fetch, or that hold what they fetch. */
export const MEDIA_ADDRESSES = ['url', 'image_url', 'video_url', 'audio_url', 'file_url']

const DATA_URL = 'data:'
const CASE_BIT = 0x20

/**
 * Checks for media within the request itself.
 *
 * @param at - offset of the quote before the text
 */
export function isDataUrl(bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < DATA_URL.length; index++) {
    const byte = bytes[at + 1 + index] ?? 0
    // Letters of both cases differ in one bit, which a colon has set.
    if ((byte | CASE_BIT) !== DATA_URL.charCodeAt(index)) return false
  }
  return true
}

/** Members whose text is a medium, or its address. */
const MEDIA = [
  ...['image', 'images', 'audio', 'video', 'file'],
  ...['ref_audio', 'reference_audio', 'input_reference'],
]
/** Members with the address of a server that a model server calls with data of the request. */
const SERVERS = ['server_url']

/** Names of members that may have an address, and the form of one. */
export const ADDRESS_MEMBERS: readonly (readonly [
  name: string,
  isAddress: (bytes: Uint8Array, at: number) => boolean,
])[] = [
  ...[...MEDIA_ADDRESSES, ...SERVERS].map(
    (name) => [name, (bytes: Uint8Array, at: number) => !isDataUrl(bytes, at)] as const,
  ),
  ...MEDIA.map((name) => [name, hasScheme] as const),
]

/** Longer texts before a colon are no scheme. */
const MAX_SCHEME_BYTES = 32
const QUOTE = 0x22
const SLASH = 0x2f
const COLON = 0x3a
const BACKSLASH = 0x5c

/** Checks for `https:` and the like, but not `data:`; base64 has no colon, and an escape may hide one. */
function hasScheme(bytes: Uint8Array, at: number): boolean {
  for (let next = at + 1; next <= at + MAX_SCHEME_BYTES; next++) {
    const byte = bytes[next]
    if (byte === undefined || byte === QUOTE) return false
    if (byte === COLON) return !isDataUrl(bytes, at)
    if (byte === BACKSLASH && bytes[next + 1] !== SLASH) return true
  }
  return false
}

/** Checks a text for the address of a medium, by the name of its member. */
export function isRemoteMedia(name: string, text: string): boolean {
  if (![...MEDIA_ADDRESSES, ...SERVERS, ...MEDIA, SPEAKERS].includes(name)) return false
  return !text.toLowerCase().startsWith(DATA_URL)
}

/** Samples of voices, which are sound in `data:` URLs. */
const SPEAKERS = 'known_speaker_references'
