/** The content of the largest request: 15.7 MB when it is encrypted. */
const BYTES = 11_700_000

const withContent = (content, rest = '') =>
  `{"model":"m","messages":[{"role":"user","content":"${content}"}]${rest}}`
const filled = (unit, bytes = BYTES) => unit.repeat(Math.floor((bytes - 100) / unit.length))

/** The worst requests, as JSON. Those that hold too many values are refused, the others are served. */
export const SHAPES = {
  'empty objects': () => withContent('x', `,"x":[${filled('{},')}1]`),
  'as many objects as allowed': () =>
    withContent(filled('x', 9_000_000), `,"x":[${'{"name":1},'.repeat(120_000)}1]`),
  text: () => withContent(filled('x')),
  'short escapes': () => withContent(filled('\\n')),
  'long escapes': () => withContent(filled('\\u00e9')),
  'multi-byte text': () =>
    withContent(filled('😀'.repeat(10)).slice(0, Math.floor(BYTES / 2) - 100)),
  nesting: () =>
    withContent(
      filled('x', 9_000_000),
      `,"x":[${`${'['.repeat(250)}${']'.repeat(250)},`.repeat(900)}1]`,
    ),
  'nesting without end': () => withContent('x', `,"x":${filled('[{"a":')}`),
  'long members': () =>
    withContent(
      'x',
      Array.from({ length: 900 }, (_, at) => `,"${at}":"${'x'.repeat(12_800)}"`).join(''),
    ),
  messages: () =>
    `{"model":"m","messages":[${Array.from({ length: 80_000 }, () => `{"role":"user","content":"${'x'.repeat(110)}"}`).join()}]}`,
  'escaped names': () =>
    `{"model":"m","messages":[{"role":"user","content":[{${'"\\u0061":"",'.repeat(240_000)}"z":1}]}]}`,
  'white space': () => `${withContent('x').slice(0, -1)}${filled(' ')}}`,
  numbers: () => withContent('x', `,"x":[${filled(`${'1'.repeat(4000)},`)}1]`),
}

const ENVELOPE_BYTES = 16_700_000
const envelopeOf = (ciphertext, rest = '') =>
  `{"version":"1.0","algorithm":"hybrid-aes256-rsa4096","encrypted_payload":{"ciphertext":"${ciphertext}"${rest}}}`

/** Bodies that are no envelope, from callers that need to know no key of the server. */
export const ENVELOPES = {
  zeros: () => '\0'.repeat(ENVELOPE_BYTES),
  quotes: () => '"'.repeat(ENVELOPE_BYTES),
  'objects without end': () => filled('{"a":', ENVELOPE_BYTES),
  'empty objects in an envelope': () => `{"x":[${filled('{},', ENVELOPE_BYTES)}1]}`,
  'members of an envelope': () =>
    `{${filled(`"${'k'.repeat(5000)}":"${'v'.repeat(5000)}",`, ENVELOPE_BYTES)}"a":1}`,
  'base64 with an error at its end': () => envelopeOf(`${filled('ABCD', ENVELOPE_BYTES)}*`),
  'base64 of nothing': () => envelopeOf(filled('ABCD', ENVELOPE_BYTES)),
  'many ciphertexts': () =>
    envelopeOf('', filled(`,"ciphertext":"${'ABCD'.repeat(25_000)}"`, ENVELOPE_BYTES)),
  backslashes: () => `{"a":"${'\\'.repeat(ENVELOPE_BYTES)}`,
}
