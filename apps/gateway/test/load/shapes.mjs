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
  'white space': () => `${withContent('x').slice(0, -1)}${filled(' ')}}`,
  numbers: () => withContent('x', `,"x":[${filled(`${'1'.repeat(4000)},`)}1]`),
}
