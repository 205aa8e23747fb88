import { writeFileSync } from 'node:fs'
import { encodeGguf, type GgufTensor } from './gguf.js'
import { makeVocabulary, type Vocabulary } from './vocabulary.js'

/** Answer of a tiny model. */
export interface TinyReply {
  /** Word in the prompt, in any role, that brings about this answer: one exact piece of text. */
  readonly to: string
  /** Tokens of the answer, each a text or several that are equally likely. No text is in two answers. */
  readonly tokens: readonly (string | readonly string[])[]
  /** Begins again after the last token. */
  readonly endless?: boolean
}

export interface TinyModelOptions {
  /** Default: `tiny`. */
  readonly name?: string
  /** Tokens that the model accepts at most. Default: 4,096. */
  readonly contextLength?: number
  /** Answer to all other prompts. Default: {@link TINY_TEXT} by words. */
  readonly tokens?: readonly string[]
  /** Of those whose word is in the prompt, the last in the list wins. Default: {@link TINY_REPLIES}. */
  readonly replies?: readonly TinyReply[]
  /** Rules by which text is divided before it becomes tokens, as llama.cpp names them. Default: `qwen2`. */
  readonly divider?: string
  /** Chat template in Jinja. Default: messages as in ChatML, tools as Qwen has them. */
  readonly template?: string
}

const HELLO = ['Hello', ' from', ' a', ' tiny', ' model.']

/** Answer of a tiny model to all prompts without one of the words of its replies. */
export const TINY_TEXT = HELLO.join('')

/** Answers of a tiny model by default: long, endless, by chance, with a call of a tool, after that call. */
export const TINY_REPLIES: readonly TinyReply[] = [
  {
    to: 'numbers',
    tokens: [
      ...['one', ' two', ' three', ' four', ' five', ' six', ' seven', ' eight', ' nine', ' ten'],
      ...[' eleven', ' twelve', ' thirteen', ' fourteen', ' fifteen', ' sixteen', ' seventeen'],
      ...[' eighteen', ' nineteen', ' twenty'],
    ],
  },
  { to: 'forever', tokens: ['on', ' and', ' again '], endless: true },
  { to: 'colour', tokens: [['red', 'green', 'blue', 'white', 'black', 'yellow', 'brown', 'pink']] },
  { to: 'weather', tokens: ['<tool_call>', '\n{"name": "'] },
  { to: '<tool_response>', tokens: ['It', ' is', ' sunny', ' there.'] },
]

const TEMPLATE = `{%- if tools %}
{{- '<|im_start|>system\\n' }}
{%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{%- endif %}
{{- '# Tools\\n\\n<tools>' }}
{%- for tool in tools %}{{- '\\n' }}{{- tool | tojson }}{%- endfor %}
{{- '\\n</tools>\\n\\nCall one so: <tool_call>\\n{"name": <name>, "arguments": <arguments>}\\n</tool_call><|im_end|>\\n' }}
{%- elif messages[0].role == 'system' %}
{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
{%- if message.role == 'tool' %}
{{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
{%- elif message.role != 'system' or not loop.first %}
{{- '<|im_start|>' + message.role + '\\n' }}
{%- if message.content %}{{- message.content }}{%- endif %}
{%- for call in message.tool_calls or [] %}
{{- '\\n<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
{%- if call.function.arguments is string %}{{- call.function.arguments }}{%- else %}{{- call.function.arguments | tojson }}{%- endif %}
{{- '}\\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}`

/** Text after which a message ends that calls a tool. */
const END_OF_CALL = '</tool_call>'

/** Size of the only attention head, and of the feed-forward part, which does nothing. */
const HEAD = 32

/** Weights of the last matrix: the next token of an answer, the first one of a reply, of all others. */
const NEXT = 1
const FIRST_OF_REPLY = 0.7
const FIRST = 0.4

/** Factor of all weights that makes the best token certain, so that temperatures change nothing. */
const SHARPNESS = 40

/**
 * Writes a model of the architecture of Llama as a GGUF file of one megabyte: always the same bytes,
 * with weights that are set, not learned. It answers greedily and at every usual temperature with known
 * texts; where a grammar allows none of them, it takes the shortest way to the end of a JSON document.
 *
 * @param path - of the file; replaced if it exists
 * @throws Error when a text is in two answers
 */
export function writeTinyModel(path: string, options: TinyModelOptions = {}): void {
  const replies = options.replies ?? TINY_REPLIES
  const tokens = options.tokens ?? HELLO
  const answers = [{ tokens, endless: false }, ...replies]
  const said = answers.flatMap((answer) => answer.tokens.flat())
  const vocabulary = makeVocabulary([
    END_OF_CALL,
    ...said,
    ...replies.map(({ to }) => to).filter((word) => !said.includes(word)),
  ])
  const size = vocabulary.texts.length
  const width = Math.ceil((size + replies.length) / HEAD) * HEAD
  const metadata = {
    'general.architecture': { string: 'llama' },
    'general.name': { string: options.name ?? 'tiny' },
    'general.file_type': { uint32: 0 },
    'llama.vocab_size': { uint32: size },
    'llama.context_length': { uint32: options.contextLength ?? 4096 },
    'llama.embedding_length': { uint32: width },
    'llama.block_count': { uint32: 1 },
    'llama.feed_forward_length': { uint32: HEAD },
    'llama.attention.head_count': { uint32: 1 },
    'llama.attention.head_count_kv': { uint32: 1 },
    'llama.attention.key_length': { uint32: HEAD },
    'llama.attention.value_length': { uint32: HEAD },
    'llama.attention.layer_norm_rms_epsilon': { float32: 1e-6 },
    'llama.rope.dimension_count': { uint32: HEAD },
    // So large that the last pair of dimensions, the only one in use, does not depend on the position.
    'llama.rope.freq_base': { float32: 1e12 },
    'tokenizer.ggml.model': { string: 'gpt2' },
    'tokenizer.ggml.pre': { string: options.divider ?? 'qwen2' },
    'tokenizer.ggml.tokens': { strings: vocabulary.texts },
    'tokenizer.ggml.token_type': { int32s: vocabulary.kinds },
    'tokenizer.ggml.merges': { strings: [] },
    'tokenizer.ggml.eos_token_id': { uint32: vocabulary.end },
    'tokenizer.ggml.padding_token_id': { uint32: vocabulary.endOfText },
    'tokenizer.ggml.add_bos_token': { bool: false },
    'tokenizer.chat_template': { string: options.template ?? TEMPLATE },
  }
  writeFileSync(path, encodeGguf(metadata, makeTensors(vocabulary, width, answers, replies)))
}

/** A matrix as GGUF has it: rows of outputs over inputs. */
function matrix(name: string, inputs: number, outputs: number) {
  const values = new Float32Array(inputs * outputs)
  const set = (output: number, input: number, value: number): void => {
    values[output * inputs + input] = value
  }
  const get = (output: number, input: number): number => values[output * inputs + input] ?? 0
  return { name: `${name}.weight`, shape: [inputs, outputs], values, set, get }
}

const norm = (name: string, width: number, weight = 1): GgufTensor => ({
  name: `${name}.weight`,
  shape: [width],
  values: new Float32Array(width).fill(weight),
})

/**
 * A token is one dimension of the state. The attention head looks for the words of the replies and adds
 * one dimension for the one that it finds; the last matrix goes from both to the next token.
 */
function makeTensors(
  vocabulary: Vocabulary,
  width: number,
  answers: readonly Omit<TinyReply, 'to'>[],
  replies: readonly TinyReply[],
): GgufTensor[] {
  const size = vocabulary.texts.length
  const embedding = matrix('token_embd', width, size)
  for (let token = 0; token < size; token++) embedding.set(token, token, 1)

  // The norm before the head makes the one dimension that is not 0 the square root of the width.
  const scale = 1 / Math.sqrt(width)
  const query = matrix('blk.0.attn_q', width, HEAD)
  const key = matrix('blk.0.attn_k', width, HEAD)
  const value = matrix('blk.0.attn_v', width, HEAD)
  const found = matrix('blk.0.attn_output', HEAD, width)
  for (let token = 0; token < size; token++) query.set(HEAD - 2, token, 128 * scale)
  for (const [index, { to }] of replies.entries()) {
    key.set(HEAD - 2, vocabulary.word(to), (index + 1) * scale)
    value.set(index, vocabulary.word(to), scale)
    found.set(size + index, index, 1)
  }
  return [
    embedding,
    norm('blk.0.attn_norm', width),
    query,
    key,
    value,
    found,
    norm('blk.0.ffn_norm', width),
    matrix('blk.0.ffn_gate', width, HEAD),
    matrix('blk.0.ffn_up', width, HEAD),
    matrix('blk.0.ffn_down', HEAD, width),
    norm('output_norm', width, SHARPNESS),
    makeOutput(vocabulary, width, answers),
  ].map(({ name, shape, values }) => ({ name, shape, values }))
}

function makeOutput(
  vocabulary: Vocabulary,
  width: number,
  answers: readonly Omit<TinyReply, 'to'>[],
): GgufTensor {
  const size = vocabulary.texts.length
  const output = matrix('output', width, size)
  const preferences = closingPreferences(vocabulary)
  const steps = answers.map(({ tokens }) =>
    tokens.map((step) => [step].flat().map((text) => vocabulary.word(text))),
  )
  const [first = [], ...others] = steps.map(([step = []]) => step)
  const within = new Set([vocabulary.word(END_OF_CALL), ...steps.flat(2)])
  for (let token = 0; token < size; token++) {
    for (const [next, preference] of preferences) output.set(next, token, preference)
    if (!within.has(token)) for (const next of first) output.set(next, token, FIRST)
    // Replies begin where an answer begins, not within a string that a grammar allows.
    if (vocabulary.starts.has(token)) continue
    for (const next of others.flat()) output.set(next, token, -NEXT)
  }
  for (const [index, answer] of steps.entries()) {
    const after = answers[index]?.endless === true ? (answer[0] ?? []) : [vocabulary.end]
    for (const [position, step] of answer.entries()) {
      for (const token of step) {
        for (const next of answer[position + 1] ?? after) output.set(next, token, NEXT)
      }
    }
  }
  for (const [index, starts] of others.entries()) {
    for (const next of starts) output.set(next, size + index, FIRST_OF_REPLY)
  }
  return output
}

/** Preferences among tokens that a grammar allows: what ends a JSON document comes first. */
function closingPreferences(vocabulary: Vocabulary): ReadonlyMap<number, number> {
  const order = Buffer.from('"}]:,{[0123456789abcdefghijklmnopqrstuvwxyz')
  const bytes = Array.from(order, (byte, index) => [byte, 0.3 - index * 0.005] as const)
  return new Map([[vocabulary.end, 0.35], ...bytes])
}
