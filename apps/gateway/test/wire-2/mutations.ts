import type { BodyParts } from './bodies.js'
import { flipBit, joinBody, varint } from './bodies.js'

/** Numbers of a seed: the same for the same seed. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) >>> 0
  }

  /** A whole number below a limit. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256))
  }
}

/** Changes a whole body. */
type Mutation = (parts: BodyParts, random: Random) => Uint8Array

const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

const flipIn =
  (name: 'header' | 'enc'): Mutation =>
  (parts, random) =>
    joinBody({ ...parts, [name]: flipBit(parts[name], random.below(8 * parts[name].length)) })

/** Changes one chunk, or the order of chunks. */
const chunks =
  (change: (all: Uint8Array[], random: Random) => Uint8Array[]): Mutation =>
  (parts, random) =>
    joinBody({ ...parts, chunks: change([...parts.chunks], random) })

/** The kinds of mutations. None leaves the request valid. */
export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  header: flipIn('header'),
  enc: flipIn('enc'),
  bit: (parts, random) => {
    const body = joinBody(parts)
    return flipBit(body, random.below(8 * body.length))
  },
  cut: (parts, random) => {
    const body = joinBody(parts)
    return body.slice(0, random.below(body.length))
  },
  end: (parts, random) => join(joinBody(parts), random.bytes(1 + random.below(40))),
  insertion: (parts, random) => {
    const body = joinBody(parts)
    const at = random.below(body.length)
    return join(body.slice(0, at), random.bytes(1 + random.below(8)), body.slice(at))
  },
  deletion: (parts, random) => {
    const body = joinBody(parts)
    const at = random.below(body.length - 8)
    return join(body.slice(0, at), body.slice(at + 1 + random.below(8)))
  },
  'chunk bit': chunks((all, random) => {
    const at = random.below(all.length)
    all[at] = flipBit(all[at]!, random.below(8 * all[at]!.length))
    return all
  }),
  swap: chunks((all, random) => {
    const at = random.below(all.length - 1)
    return [...all.slice(0, at), all[at + 1]!, all[at]!, ...all.slice(at + 2)]
  }),
  drop: chunks((all, random) => {
    const dropped = random.below(all.length)
    return all.filter((_chunk, at) => at !== dropped)
  }),
  double: chunks((all, random) => {
    const at = random.below(all.length - 1)
    return [...all.slice(0, at + 1), ...all.slice(at)]
  }),
  'early end': chunks((all, random) => all.slice(0, 1 + random.below(all.length - 1))),
  'no end': (parts) => joinBody(parts, { isFinal: false }),
  length: (parts, random) => {
    const at = random.below(parts.chunks.length)
    const before = joinBody({ ...parts, chunks: parts.chunks.slice(0, at) }, { isFinal: false })
    const width = [1, 2, 4, 8][random.below(4)] ?? 1
    const value = random.below(Math.min(2 ** (8 * width - 2), 2 ** 31))
    const length = parts.chunks[at]!.length
    const wrong = value === length || (value === 0 && at === parts.chunks.length - 1) ? 1 : value
    return join(
      before,
      varint(wrong, Math.max(width, wrong < 64 ? 1 : width)),
      ...parts.chunks.slice(at),
    )
  },
  noise: (_parts, random) => random.bytes(random.below(3000)),
  'noise behind the header': (parts, random) =>
    join(parts.header, random.bytes(random.below(4000))),
  'noise behind enc': (parts, random) =>
    join(parts.header, parts.enc, random.bytes(random.below(4000))),
}

/** Divides bytes into parts of any lengths. */
export function arrive(body: Uint8Array, random: Random): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let at = 0; at < body.length;) {
    const length = 1 + random.below(random.below(4) === 0 ? 16 : body.length)
    parts.push(body.slice(at, at + length))
    at += length
  }
  return parts
}
