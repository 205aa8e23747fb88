/** Members that model servers fetch, or that hold what they fetch. */
export const MEDIA_ADDRESSES = ['url', 'image_url', 'video_url', 'audio_url', 'file_url']

const DATA_URL = 'data:'

/**
 * Checks for media within the request itself.
 *
 * @param at - offset of the quote before the text
 */
export function isDataUrl(bytes: Uint8Array, at: number): boolean {
  const scheme = bytes.subarray(at + 1, at + 1 + DATA_URL.length)
  return String.fromCharCode(...scheme).toLowerCase() === DATA_URL
}

/** Members whose text is a medium, or its address. */
const MEDIA = [
  ...['image', 'images', 'audio', 'video', 'file', 'document'],
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

/** Checks for `https:` and the like, but not `data:`; base64 has no colon, and escapes hide one. */
function hasScheme(bytes: Uint8Array, at: number): boolean {
  const start = String.fromCharCode(...bytes.subarray(at + 1, at + 1 + MAX_SCHEME_BYTES))
  return /^\s*(?:[a-z][a-z0-9+.-]*:|[^"]{0,30}\\[^/])/i.test(start) && !isDataUrl(bytes, at)
}

/** Checks a text for the address of a medium, by the name of its member. */
export function isRemoteMedia(name: string, text: string): boolean {
  if (![...MEDIA_ADDRESSES, ...SERVERS, ...MEDIA, SPEAKERS].includes(name)) return false
  return !text.toLowerCase().startsWith(DATA_URL)
}

/** Samples of voices, which are sound in `data:` URLs. */
const SPEAKERS = 'known_speaker_references'
