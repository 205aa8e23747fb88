import type { JsonListener } from '../../json/json-scanner.js'
import { MemberNames } from '../../json/member-names.js'

const OPENING_BRACE = 0x7b
const QUOTE = 0x22
/** The longest name and value that decide anything, with every character escaped. */
const MAX_DECIDING_BYTES = 96

/**
 * Finds, in a request for `/v1/responses`, items of `input` that refer to what the model server has stored, and
 * `tools` that name a model of their own.
 */
export class ResponsesChecks implements JsonListener {
  readonly depth = 3
  readonly #names: MemberNames
  #isInInput = false
  #isInTools = false
  #isItem = false
  /** Offset of a type that is read now. */
  #typeAt: number | undefined
  #isReference = false
  #hasType = false
  #hasRole = false
  #hasId = false
  hasReferences = false
  toolsNameModels = false

  constructor(bytes: Uint8Array) {
    this.#names = new MemberNames(bytes, MAX_DECIDING_BYTES)
  }

  begin(level: number, first: number, at: number, nameStart: number, nameEnd: number): void {
    const isNamed = (name: string): boolean => this.#names.is(name, nameStart, nameEnd)
    if (level === 1) {
      this.#isInInput = isNamed('input')
      this.#isInTools = isNamed('tools')
    }
    if (this.#isInTools && level === 3 && isNamed('model')) this.toolsNameModels = true
    if (!this.#isInInput) return
    if (level === 2) {
      this.#isItem = first === OPENING_BRACE
      this.#isReference = this.#hasType = this.#hasRole = this.#hasId = false
    } else if (level === 3 && this.#isItem) {
      if (isNamed('id')) this.#hasId = true
      if (isNamed('role')) this.#hasRole = true
      if (first !== QUOTE || !isNamed('type')) return
      this.#hasType = true
      this.#typeAt = at
    }
  }

  end(level: number, at: number): void {
    if (level === 3 && this.#typeAt !== undefined) {
      this.#isReference ||= this.#names.is('item_reference', this.#typeAt, at)
      this.#typeAt = undefined
    }
    if (level !== 2 || !this.#isInInput || !this.#isItem) return
    // The type of a reference may be omitted.
    const isBare = this.#hasId && !this.#hasType && !this.#hasRole
    if (this.#isReference || isBare) this.hasReferences = true
  }
}
