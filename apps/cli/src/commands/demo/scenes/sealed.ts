import { GATEWAY_PATH } from '@nomyo/crypto/wire-2'
import type { CompletionStep, SecureChatCompletion } from '@nomyo/client'
import { describeWire } from '../../../output/wire.js'
import { eavesdrop, findIn } from '../eavesdropper.js'
import { API_KEY, PROMPT, question, type Scene } from '../scene.js'

/** The path of chat completions on wire 1. */
const WIRE_1_PATH = '/v1/chat/secure_completion'

/** The question on wire 1: RSA and AES for the text, and nothing else. */
export async function showWire1(scene: Scene, client: SecureChatCompletion): Promise<void> {
  const { output, section, check } = scene
  section('The same question on wire 1, for older clients: RSA-4096, AES-256-GCM')
  const { recorded } = await ask(scene, client, 'sending; the first call waits for an RSA key')
  check(
    recorded.includes(`POST ${WIRE_1_PATH}`) &&
      isHidden(recorded, [PROMPT, scene.model.name].filter(isLong)),
    `prompt, model and answer are not in the ${count(recorded)} recorded bytes`,
  )
  output.line('   The API key is among them: wire 1 leaves it to TLS.')
}

/** The question on wire 2, with everything about it encrypted. Returns the steps of the call. */
export async function showWire2(scene: Scene): Promise<readonly CompletionStep[]> {
  const { client, model, output, section, check, steps } = scene
  section('The same question on wire 2: Oblivious HTTP, X25519 with ML-KEM-768')
  const { recorded, completion } = await ask(
    scene,
    client,
    'sending; the first call fetches the key statement',
  )
  const timings = steps.slice()
  check(
    // Such a request shows that the tap has recorded this very exchange.
    recorded.includes(`POST ${GATEWAY_PATH}`) &&
      isHidden(
        recorded,
        [PROMPT, model.name, API_KEY, completion._metadata.payload_id].filter(isLong),
      ),
    `prompt, model, API key and id are not in the ${count(recorded)} recorded bytes`,
  )
  const answer = completion.choices[0].message.content
  output.line(`   answer   ${answer ?? ''}`)
  const engine = completion.system_fingerprint ?? completion.model
  output.line(`   engine   ${engine}: ${model.isStandIn ? 'a stand-in, not a model' : 'a model'}`)
  output.line(`   wire     ${describeWire(await client.chooseWire())}`)
  if (model.isStandIn) {
    check(answer === PROMPT, 'the answer, as the client decrypts it, is the echo of the prompt')
  } else {
    check(
      (answer ?? '') !== '' && (completion.usage?.completion_tokens ?? 0) > 0,
      `the model has answered, with ${String(completion.usage?.completion_tokens)} tokens`,
    )
  }
  return timings
}

/** The question once more, its answer word by word. */
export async function showStream({
  client,
  model,
  tap,
  output,
  section,
  check,
}: Scene): Promise<void> {
  section('The answer as a stream, each part encrypted on its own')
  tap.forget()
  const stream = await client.chat.completions.create({ ...question(model), stream: true })
  const parts: string[] = []
  output.write('   answer   ')
  for await (const { choices } of stream) {
    const text = choices[0]?.delta.content ?? ''
    if (text === '') continue
    parts.push(text)
    output.write(text)
  }
  output.line()
  const recorded = tap.recorded.toGateway + tap.recorded.toClient
  check(
    parts.length > 1 &&
      (!model.isStandIn || parts.join('') === PROMPT) &&
      isHidden(recorded, parts.filter(isLong)),
    `${String(parts.length)} parts, handed out one by one, none of them readable on the way`,
  )
}

/** Shorter texts are in random bytes by chance. */
const isLong = (text: string): boolean => text.length >= 10

async function ask({ model, tap, output }: Scene, client: SecureChatCompletion, progress: string) {
  const { line, style } = output
  tap.forget()
  const completion = await output.progress(progress, client.create(question(model)))
  for (const text of eavesdrop(tap.recorded)) line(style.quiet(text))
  return { completion, recorded: tap.recorded.toGateway + tap.recorded.toClient }
}

const isHidden = (recorded: string, texts: readonly string[]): boolean =>
  texts.every((text) => findIn(recorded, text) === undefined)

const count = (recorded: string): string => recorded.length.toLocaleString('en')
