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

const path = fc.constantFrom<string[]>(
  ['version'],
  ['algorithm'],
  ['encrypted_payload'],
  ['encrypted_payload', 'ciphertext'],
  ['encrypted_payload', 'nonce'],
  ['encrypted_payload', 'tag'],
  ['encrypted_aes_key'],
  ['key_algorithm'],
  ['payload_algorithm'],
  ['processed_at'],
)

/** A change of one member, made in the parsed envelope; the text stays as it is when it is no JSON. */
const inTree =
  (change: (parent: Json, name: string) => void, names: readonly string[]): Mutation =>
  (envelope) => {
    let root: unknown
    try {
      root = JSON.parse(envelope)
    } catch {
      return envelope
    }
    const parent = names
      .slice(0, -1)
      .reduce<unknown>((object, name) => (object as Json | null | undefined)?.[name], root)
    if (typeof parent !== 'object' || parent === null) return envelope
    change(parent as Json, names.at(-1) ?? '')
    return JSON.stringify(root)
  }

/** As JSON.parse does: a member named __proto__ is a member. */
const set = (parent: Json, name: string, value: unknown): void => {
  Object.defineProperty(parent, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  })
}

const text = (parent: Json, name: string): string =>
  typeof parent[name] === 'string' ? parent[name] : ''

/** One change that knows the grammar: of a member, its spelling, its name, or of a few characters. */
export const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  path.map((names) => inTree((parent, name) => Reflect.deleteProperty(parent, name), names)),
  fc
    .tuple(path, fc.jsonValue())
    .map(([names, value]) => inTree((parent, name) => set(parent, name, value), names)),
  fc.tuple(path, memberName).map(([names, newName]) =>
    inTree((parent, name) => {
      set(parent, newName, parent[name])
      Reflect.deleteProperty(parent, name)
    }, names),
  ),
  fc
    .tuple(path, memberName, fc.jsonValue())
    .map(([names, extra, value]) => inTree((parent) => set(parent, extra, value), names)),
  fc
    .tuple(path, fc.base64String({ maxLength: 24 }))
    .map(([names, more]) =>
      inTree((parent, name) => set(parent, name, text(parent, name) + more), names),
    ),
  fc
    .tuple(path, fc.nat({ max: 700 }))
    .map(([names, length]) =>
      inTree((parent, name) => set(parent, name, text(parent, name).slice(0, length)), names),
    ),
  fc.tuple(path, fc.constantFrom('url', 'unpadded', 'spaced', 'lower')).map(([names, spelling]) =>
    inTree((parent, name) => {
      const spellings: Record<typeof spelling, string> = {
        url: text(parent, name).replaceAll('+', '-').replaceAll('/', '_'),
        unpadded: text(parent, name).replaceAll('=', ''),
        spaced: ` ${text(parent, name)}`,
        lower: text(parent, name).toLowerCase(),
      }
      set(parent, name, spellings[spelling])
    }, names),
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
