import type { JsonListener } from '../../json/json-scanner.js'
import { MemberNames } from '../../json/member-names.js'
import { ADDRESS_MEMBERS } from './media-address.js'

const QUOTE = 0x22
const OPEN_ARRAY = 0x5b
const MAX_DECIDING_NAME_BYTES = 128

/** Finds members with an address that a model server would fetch, in the outer levels of some members. */
export class AddressChecks implements JsonListener {
  readonly depth = 8
  readonly #bytes: Uint8Array
  readonly #names: MemberNames
  readonly #within: readonly string[]
  #isWithin = false
  /** Level of a list whose texts are addresses where their form is one, and the check of that form. */
  #list: { level: number; isAddress: (bytes: Uint8Array, at: number) => boolean } | undefined
  hasRemoteMedia = false

  /** @param within - members of the request that may have addresses */
  constructor(bytes: Uint8Array, within: readonly string[]) {
    this.#bytes = bytes
    this.#names = new MemberNames(bytes, MAX_DECIDING_NAME_BYTES)
    this.#within = within
  }

  begin(level: number, first: number, at: number, nameStart: number, nameEnd: number): void {
    const isNamed = nameEnd > nameStart
    if (level === 1) {
      this.#isWithin = this.#within.some((name) => this.#names.is(name, nameStart, nameEnd))
    }
    if (!this.#isWithin || this.hasRemoteMedia) return
    if (this.#list !== undefined && level <= this.#list.level) this.#list = undefined
    const isAddress = isNamed
      ? ADDRESS_MEMBERS.find(([name]) => this.#names.is(name, nameStart, nameEnd))?.[1]
      : this.#list?.level === level - 1
        ? this.#list.isAddress
        : undefined
    if (isAddress === undefined) return
    if (first === OPEN_ARRAY && isNamed) this.#list = { level, isAddress }
    else if (first === QUOTE) this.hasRemoteMedia = isAddress(this.#bytes, at)
  }

  end(): void {
    // Each value is checked where it begins.
  }
}
