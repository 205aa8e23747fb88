import type { AttestationResult, ChatMessage, SecurityTier } from '@nomyo/client'

interface Turn {
  readonly asked: string
  readonly answered: string
  readonly model: string
}

/** A conversation, in memory only. */
export class Conversation {
  readonly #turns: Turn[] = []
  system: string | undefined
  model: string
  tier: SecurityTier | undefined
  /** Last attestation result, where there is a policy. */
  attestation: AttestationResult | undefined

  constructor(model: string, tier: SecurityTier | undefined, system: string | undefined) {
    this.model = model
    this.tier = tier
    this.system = system
  }

  /** Lists the messages of the next request. */
  messagesWith(asked: string): ChatMessage[] {
    return [
      ...(this.system === undefined ? [] : [{ role: 'system' as const, content: this.system }]),
      ...this.#turns.flatMap((turn) => [
        { role: 'user' as const, content: turn.asked },
        { role: 'assistant' as const, content: turn.answered },
      ]),
      { role: 'user', content: asked },
    ]
  }

  add(asked: string, answered: string): void {
    this.#turns.push({ asked, answered, model: this.model })
  }

  reset(): void {
    this.#turns.length = 0
  }

  /** Formats the conversation as text for people. */
  transcript(): string {
    const system = this.system === undefined ? [] : [`[system]\n${this.system}`]
    const turns = this.#turns.flatMap(({ asked, answered, model }) => [
      `[you]\n${asked}`,
      `[${model}]\n${answered}`,
    ])
    return `${[...system, ...turns].join('\n\n')}\n`
  }

  get length(): number {
    return this.#turns.length
  }
}
