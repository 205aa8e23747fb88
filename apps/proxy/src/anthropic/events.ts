import { isMembers, type Members } from './members.js'
import {
  emptyMessage,
  ending,
  reasoningIn,
  textBlock,
  thinkingBlock,
  toolUseBlock,
  unusable,
  usageOf,
} from './message.js'
import type { ChatRequest } from './request.js'

/** One event of a stream of the Messages API. */
export type MessageEvent = Members & { readonly type: string }

/** Block that is open: the next pieces of its kind belong to it. */
interface OpenBlock {
  readonly kind: 'text' | 'thinking' | 'tool'
  /** Place of the call among those of the completion. */
  readonly call?: number
}

/**
 * Converts the chunks of a chat completion to the events of Anthropic's API, one by one, without waiting for
 * later ones. Blocks come one after another, as consumers expect.
 */
export class MessageEvents {
  readonly #asked: ChatRequest
  #hasStarted = false
  #open: OpenBlock | undefined
  #blocks = 0
  #lastCall = -1
  #isRefused = false
  #finish: Members | undefined
  #usage: unknown

  constructor(asked: ChatRequest) {
    this.#asked = asked
  }

  /** @throws Refusal for a chunk that cannot be converted */
  *convert(chunk: Members): Generator<MessageEvent> {
    if (isMembers(chunk['usage'])) this.#usage = chunk['usage']
    if (!this.#hasStarted) {
      this.#hasStarted = true
      yield { type: 'message_start', message: emptyMessage(chunk) }
    }
    const { choices } = chunk
    const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
    // The chunk with the tokens used has none.
    if (!isMembers(choice)) return
    const { delta } = choice
    if (isMembers(delta)) yield* this.#convertDelta(delta)
    if (choice['finish_reason'] !== undefined && choice['finish_reason'] !== null) {
      this.#finish = choice
    }
  }

  /** @throws Refusal for a stream that ended before the model did */
  *end(): Generator<MessageEvent> {
    if (this.#finish === undefined) throw unusable('ended early')
    yield* this.#close()
    const hasCalls = this.#lastCall >= 0
    const { input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens } =
      usageOf(this.#usage)
    yield {
      type: 'message_delta',
      delta: ending(this.#finish, this.#asked.stopSequences, {
        hasCalls,
        isRefused: this.#isRefused,
      }),
      usage: {
        input_tokens,
        output_tokens,
        cache_read_input_tokens,
        cache_creation_input_tokens,
        server_tool_use: null,
      },
    }
    yield { type: 'message_stop' }
  }

  *#convertDelta(delta: Members): Generator<MessageEvent> {
    const thinking = reasoningIn(delta)
    if (this.#asked.showsThinking && typeof thinking === 'string' && thinking !== '') {
      yield* this.#piece({ kind: 'thinking' }, { type: 'thinking_delta', thinking })
    }
    const { content, refusal, tool_calls: calls } = delta
    for (const text of [content, refusal]) {
      if (typeof text !== 'string' || text === '') continue
      yield* this.#piece({ kind: 'text' }, { type: 'text_delta', text })
    }
    if (typeof refusal === 'string' && refusal !== '') this.#isRefused = true
    if (Array.isArray(calls)) for (const call of calls) yield* this.#convertCall(call)
  }

  *#convertCall(call: unknown): Generator<MessageEvent> {
    const called = isMembers(call) ? (call['function'] ?? {}) : undefined
    if (!isMembers(call) || !isMembers(called)) throw unusable('holds a malformed call of a tool')
    const { index = Math.max(0, this.#lastCall), id } = call
    const { name, arguments: partial_json } = called
    if (typeof index !== 'number') throw unusable('holds a malformed call of a tool')
    if (this.#open?.call !== index) {
      // A closed block cannot go on, and a call is named in its first piece.
      if (index <= this.#lastCall || typeof name !== 'string' || name === '') {
        throw unusable('mixes calls of tools')
      }
      this.#lastCall = index
      yield* this.#start({ kind: 'tool', call: index }, toolUseBlock(id, name, {}))
    }
    if (typeof partial_json === 'string' && partial_json !== '') {
      yield this.#delta({ type: 'input_json_delta', partial_json })
    }
  }

  /** Continues a block of this kind, or starts one. */
  *#piece({ kind }: OpenBlock, delta: Members): Generator<MessageEvent> {
    if (this.#open?.kind !== kind) {
      yield* this.#start({ kind }, kind === 'text' ? textBlock('') : thinkingBlock(''))
    }
    yield this.#delta(delta)
  }

  *#start(open: OpenBlock, content_block: Members): Generator<MessageEvent> {
    yield* this.#close()
    this.#open = open
    yield { type: 'content_block_start', index: this.#blocks, content_block }
  }

  #delta(delta: Members): MessageEvent {
    return { type: 'content_block_delta', index: this.#blocks, delta }
  }

  *#close(): Generator<MessageEvent> {
    if (this.#open === undefined) return
    yield { type: 'content_block_stop', index: this.#blocks }
    this.#open = undefined
    this.#blocks++
  }
}
