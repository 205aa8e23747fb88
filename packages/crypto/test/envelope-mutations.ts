import fc from 'fast-check'

/** Any text JavaScript can hold, halves of surrogate pairs included. */
export const anyText = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 })
  .map((units) => String.fromCharCode(...units))

/** The same, and the names that mean something to an object. */
export const memberName = fc.oneof(
  anyText,
  fc.constantFrom('__proto__', 'constructor', 'toString', 'model', '', '0'),
)

/** Changes the text of an envelope. */
export type Mutation = (envelope: string) => string

type Json = Record<string, unknown>

const path = fc.constantFrom(
  ...['version', 'algorithm', 'key_algorithm', 'payload_algorithm', 'processed_at'],
  ...['encrypted_aes_key', 'encrypted_payload'],
  ...['ciphertext', 'nonce', 'tag'].map((name) => `encrypted_payload.${name}`),
)

/** A change of one member, made in the parsed envelope; the text stays as it is when it is no JSON. */
function inTree<T>(
  argument: fc.Arbitrary<T>,
  change: (parent: Json, name: string, argument: T) => unknown,
): fc.Arbitrary<Mutation> {
  return fc.tuple(path, argument).map(([where, given]) => (envelope) => {
    let root: unknown
    try {
      root = JSON.parse(envelope)
    } catch {
      return envelope
    }
    const [name = '', holder] = where.split('.').reverse()
    const parent = holder === undefined ? root : (root as Json | null)?.[holder]
    if (typeof parent !== 'object' || parent === null) return envelope
    change(parent as Json, name, given)
    return JSON.stringify(root)
  })
}

/** As JSON.parse does: a member named __proto__ is a member. */
const set = (parent: Json, name: string, value: unknown): void => {
  const descriptor = { value, enumerable: true, configurable: true, writable: true }
  Object.defineProperty(parent, name, descriptor)
}

const text = (parent: Json, name: string): string =>
  typeof parent[name] === 'string' ? parent[name] : ''

/** Other spellings of base64: for URLs, without padding, with a space, in lower case. */
const SPELLINGS = [
  (base64: string) => base64.replaceAll('+', '-').replaceAll('/', '_'),
  (base64: string) => base64.replaceAll('=', ''),
  (base64: string) => ` ${base64}`,
  (base64: string) => base64.toLowerCase(),
]

/** One change that knows the grammar: of a member, its spelling, its name, or of a few characters. */
export const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  inTree(fc.constant(undefined), (parent, name) => Reflect.deleteProperty(parent, name)),
  inTree(fc.jsonValue(), set),
  inTree(memberName, (parent, name, newName) => {
    set(parent, newName, parent[name])
    Reflect.deleteProperty(parent, name)
  }),
  inTree(fc.tuple(memberName, fc.jsonValue()), (parent, _, [extra, value]) =>
    set(parent, extra, value),
  ),
  inTree(fc.base64String({ maxLength: 24 }), (parent, name, more) =>
    set(parent, name, text(parent, name) + more),
  ),
  inTree(fc.nat({ max: 700 }), (parent, name, length) =>
    set(parent, name, text(parent, name).slice(0, length)),
  ),
  inTree(fc.constantFrom(...SPELLINGS), (parent, name, spell) =>
    set(parent, name, spell(text(parent, name))),
  ),
  // Two members of one name: the first or the second is the true one.
  fc
    .tuple(
      fc.constantFrom('version', 'algorithm', 'encrypted_aes_key'),
      fc.jsonValue(),
      fc.boolean(),
    )
    .map(([name, value, first]): Mutation => (envelope) => {
      const twin = `${JSON.stringify(name)}:${JSON.stringify(value)}`
      if (!envelope.startsWith('{"')) return envelope
      return first ? `{${twin},${envelope.slice(1)}` : `${envelope.slice(0, -1)},${twin}}`
    }),
  fc.tuple(fc.nat({ max: 1100 }), fc.nat({ max: 4 }), fc.string({ maxLength: 4 })).map(
    ([start, dropped, inserted]): Mutation =>
      (envelope) =>
        envelope.slice(0, start) + inserted + envelope.slice(start + dropped),
  ),
)
