import type { Random } from './random.js'

/** A text that must never appear in the gateway's output. */
export const CANARY = 'qz9canary7'

/** JSON with its members as text, so that it can be written in ways `JSON.stringify` does not know. */
interface Tree {
  name: string
  value: string | Tree[]
}

/** An envelope that is valid but for one change, of a kind that is found before a key is used. */
export function brokenEnvelope(random: Random, envelope: string): Buffer {
  return random.pickWeighted<() => Buffer>([
    [5, () => Buffer.from(changedMember(random, envelope))],
    [4, () => changedText(random, envelope)],
    [4, () => Buffer.from(changedBase64(random, envelope))],
  ])()
}

/** An envelope with parts of another: a key is used before that is found. */
export function mixedEnvelope(random: Random, one: string, other: string): Buffer {
  const tree = treeOf(JSON.parse(one) as object)
  const source = membersOf(treeOf(JSON.parse(other) as object))
  const { name } = random.pick(membersOf(tree).filter(({ value }) => value.length > 20))
  for (const member of membersOf(tree)) {
    const twin = source.find((candidate) => candidate.name === member.name)
    if (member.name === name && twin !== undefined) member.value = twin.value
  }
  return Buffer.from(write(tree))
}

const HOSTILE_VALUES = [
  ...['null', 'true', 'false', '0', '-0', '-1', '1e400', '-1e-400', '01', '+1', '1.', '.5', 'NaN'],
  ...['9'.repeat(500), `"${CANARY}"`, '""', '" "', '"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"'],
  ...['[]', '{}', '[[]]', '{"__proto__":{"polluted":true}}', '{"constructor":{"prototype":{}}}'],
  ...['"2.0"', '"1.0\\n"', '"__proto__"', "'single'", 'undefined', '/* */1', '"\t"', '"\\x41"'],
  `"${'A'.repeat(10_000)}"`,
]
const HOSTILE_NAMES = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'then', 'length'],
  ...['', ' ', '\\u0000', '\\ud800', CANARY, 'encrypted_payload ', 'Version', 'ver\\u0073ion'],
]

function changedMember(random: Random, envelope: string): string {
  const tree = treeOf(JSON.parse(envelope) as object)
  const members = membersOf(tree)
  const member = random.pick(members)
  const siblings = [tree, ...members.map(({ value }) => value)].find(
    (value): value is Tree[] => Array.isArray(value) && value.includes(member),
  )!
  return random.pick<() => string>([
    () => {
      member.value = random.pick(HOSTILE_VALUES)
      return write(tree)
    },
    () => {
      siblings.splice(siblings.indexOf(member), 1)
      return write(tree)
    },
    () => {
      siblings.push({ ...member })
      return write(tree)
    },
    () => {
      siblings.push({ name: member.name, value: random.pick(HOSTILE_VALUES) })
      return write(tree)
    },
    () => {
      member.name = random.pick(HOSTILE_NAMES)
      return write(tree)
    },
    () => {
      const depth = 1 + random.below(random.chance(20) ? 30_000 : 300)
      const [open, close] = random.pick([
        ['[', ']'],
        ['{"a":', '}'],
      ] as const)
      member.value = open.repeat(depth) + write(member.value) + close.repeat(depth)
      return write(tree)
    },
    () => `[${write(tree)}]`,
    () => JSON.stringify(write(tree)),
  ])()
}

const INSERTS = [
  ...['efbbbf', 'fffe', 'ff', 'c080', 'eda080', 'f4908080', 'c3', '00', '0d0a', '1b', 'e280a8'],
  ...['7b', '7d', '22', '5c', '2c', '3a', '2f2f', '5b5d'],
].map((hex) => Buffer.from(hex, 'hex'))

function changedText(random: Random, envelope: string): Buffer {
  const bytes = Buffer.from(envelope)
  const at = random.below(bytes.length)
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
  return random.pick<() => Buffer>([
    () => before,
    () => after.subarray(1),
    () => Buffer.concat([before, random.pick(INSERTS), after]),
    () => Buffer.concat([random.pick(INSERTS.slice(0, 10)), bytes]),
    () =>
      Buffer.concat([bytes, random.pick(['}', '{}', 'x', '\0', ',', CANARY]), bytes].map(asBytes)),
    () => Buffer.concat([before, random.bytes(1 + random.below(40)), after.subarray(40)]),
    () => Buffer.from(bytes.toString('utf8'), 'utf16le'),
    () => random.bytes(random.below(2000)),
    () => Buffer.from(`${CANARY} `.repeat(1 + random.below(50))),
    () => Buffer.from(random.pick(['', ' ', '[', '{', '"', '{}', '[]', 'null', '0', '{"a":1}'])),
  ])()
}

function changedBase64(random: Random, envelope: string): string {
  const tree = treeOf(JSON.parse(envelope) as object)
  const member = random.pick(
    membersOf(tree).filter(
      ({ value }) => typeof value === 'string' && /^"[A-Za-z0-9+/]{15,}=*"$/.test(value),
    ),
  )
  const text = (member.value as string).slice(1, -1)
  const at = random.below(text.length)
  const insert = (what: string): string => text.slice(0, at) + what + text.slice(at)
  const changed = random.pick<() => string>([
    () =>
      insert(random.pick(['-', '_', ' ', '\\n', '\\r\\n', '=', '!', '\\u0000', '%2B', '\\ud83d'])),
    () => text.slice(0, at),
    () => `${text}=`,
    () => `${text}A`,
    () => text.replace(/=*$/, '') + random.pick(['', '=', '===', '====']) + 'A',
    () => `data:;base64,${text}`,
    () => text + text,
    () => Buffer.from(text, 'base64').toString('hex'),
    () => '',
    () => '='.repeat(1 + random.below(8)),
    () => 'A'.repeat(random.below(random.chance(20) ? 200_000 : 2000)),
    () => text.slice(0, at) + '\\u0041'.repeat(3) + text.slice(at),
  ])()
  member.value = `"${changed}"`
  return write(tree)
}

const asBytes = (part: Buffer | string): Buffer => Buffer.from(part as string)

function treeOf(value: object): Tree[] {
  return Object.entries(value).map(([name, member]: [string, unknown]) => ({
    name,
    value: typeof member === 'object' && member !== null ? treeOf(member) : JSON.stringify(member),
  }))
}

/** Every member, those of members too. */
const membersOf = (tree: Tree[]): Tree[] =>
  tree.flatMap((member) =>
    typeof member.value === 'string' ? [member] : [member, ...membersOf(member.value)],
  )

function write(value: string | Tree[]): string {
  if (typeof value === 'string') return value
  return `{${value.map((member) => `"${member.name}":${write(member.value)}`).join(',')}}`
}
