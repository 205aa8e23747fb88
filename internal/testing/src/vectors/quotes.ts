import type { QuoteVector } from './index.js'

/** The functions of `@nomyo/attest` that make a policy. */
interface Attest<Anchor, Hash extends string> {
  pinnedAk(name: Uint8Array<ArrayBuffer>): Anchor
  parsePcrSelection(text: string): readonly { hash: Hash; pcrs: readonly number[] }[]
}

/** The policy a vector asks for; trust is `none` where it names no anchor. Needs nothing of Node. */
export function quotePolicy<Anchor, Hash extends string>(
  vector: QuoteVector,
  attest: Attest<Anchor, Hash>,
) {
  const { policy = {}, expected_extra_data: expected } = vector
  const required = (policy.required_pcrs ?? ['sha256:0', 'sha256:7', 'sha256:10']).map((text) =>
    attest.parsePcrSelection(text),
  )
  const banks = [...new Set(required.flat().map(({ hash }) => hash))]
  const previous = policy.previous_clock
  return {
    nonce: { extraData: bytesOf(expected.hex) },
    requiredPcrs: banks.map((hash) => ({
      hash,
      pcrs: required.flat().flatMap((one) => (one.hash === hash ? one.pcrs : [])),
    })),
    referenceValues: policy.reference_values,
    trust:
      policy.ak_name !== undefined
        ? [attest.pinnedAk(bytesOf(policy.ak_name))]
        : policy.require_trust === true
          ? []
          : ('none' as const),
    qualifiedSigner:
      policy.qualified_signer === undefined ? undefined : bytesOf(policy.qualified_signer),
    previous:
      previous === undefined
        ? undefined
        : {
            // The vector names no key for its earlier quote: it is the one that signed this.
            qualifiedSigner: String(vector.parsed?.['qualifiedSigner']),
            clock: previous,
            firmwareVersion: `0x${BigInt(previous.firmwareVersion).toString(16)}`,
          },
  }
}

/** Checks that may fail beside one that the vectors name: theirs are coarser. */
const FINER: Readonly<Record<string, readonly string[]>> = {
  'signature.valid': ['ak.point'],
  'ak.parse': ['ak.point'],
  'ak.strength': ['ak.point'],
}

/** The checks that must fail, in order, and those that may fail beside them. */
export function expectedFailures({ expect: { fail } }: QuoteVector): {
  must: string[]
  may: string[]
} {
  const may = fail.flatMap((id) => FINER[id] ?? [])
  return { must: fail.filter((id) => !may.includes(id)).sort(), may }
}

export function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  if (!/^(?:[\da-f]{2})*$/i.test(hex)) throw new Error(`not hex: ${hex}`)
  return Uint8Array.from({ length: hex.length / 2 }, (_, index) =>
    parseInt(hex.slice(2 * index, 2 * index + 2), 16),
  )
}
