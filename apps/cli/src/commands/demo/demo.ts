import {
  SecureChatCompletion,
  SecurityError,
  type ChatCompletion,
  type CompletionStep,
  type Tool,
} from '@nomyo/client'
import { EXIT, type Environment } from '@nomyo-internal/command-line'
import { printableJson } from '@nomyo-internal/diagnostics'
import { GATEWAY_PATH } from '@nomyo/crypto/wire-2'
import type { Output } from '../../output/output.js'
import { describeWire } from '../../output/wire.js'
import { cliCommand } from '../cli-command.js'
import { eavesdrop, findIn } from './eavesdropper.js'
import { startGatewayProcess } from './gateway-process.js'
import { startWireTap, type WireTap } from './wire-tap.js'

const MODEL = 'nomyo/echo'
const PROMPT = 'Patient 4711: does clarithromycin go with 40 mg atorvastatin?'
const TOOL: Tool = {
  type: 'function',
  function: {
    name: 'check_interaction',
    description: 'Looks two drugs up in the interaction table',
    parameters: {
      type: 'object',
      properties: { first: { type: 'string' }, second: { type: 'string' } },
      required: ['first', 'second'],
    },
  },
}

const STEP_NAMES: Readonly<Record<CompletionStep['name'], string>> = {
  wire: 'fetch the key statement',
  'reply-key': 'wait for the reply key',
  'server-key': 'fetch the server key',
  attest: 'attest the machine',
  pace: 'wait for the pace',
  seal: 'encrypt the request',
  send: 'send, wait, receive',
  open: 'decrypt the answer',
}

/** `nomyo demo`: shows one encrypted chat completion from end to end. */
export const demoCommand = cliCommand({
  summary: 'show one encrypted chat completion from end to end, offline',
  options: { json: { summary: 'print the checks and the timings only, as JSON' } },
  notes: ['The exit code is 0 only if every check held.'],
  run: ({ settings, output, context: { environment } }) =>
    settings.values.json
      ? demo(
          { ...output, line: () => undefined, progress: output.waiting },
          environment,
          output.line,
        )
      : demo(output, environment),
})

/** Parts of a running demo. */
interface Scene {
  readonly client: SecureChatCompletion
  readonly tap: WireTap
  readonly output: Output
  /** Begins a section of the output. */
  readonly section: (title: string) => void
  /** Prints and counts a check. */
  readonly check: (holds: boolean, what: string) => void
}

/** @param printJson - receives the result for programs */
async function demo(
  output: Output,
  environment: Environment,
  printJson?: (text: string) => void,
): Promise<number> {
  const { line, style } = output
  line(style.title('NOMYO: one encrypted chat completion, end to end, on this machine'))
  line()
  line('   The gateway is a process of its own. Its demo engine stands in for a model:')
  line('   it needs none, and says so in every answer. Between client and gateway')
  line('   stands a wire tap, where a load balancer, a CDN or a logging proxy would.')
  line()
  const tap = await startWireTap()
  const steps: CompletionStep[] = []
  const checks: { readonly holds: boolean; readonly what: string }[] = []
  const client = new SecureChatCompletion({
    baseUrl: tap.url,
    allowHttp: true,
    maxRetries: 0,
    onStep: (step) => steps.push(step),
    logger: { warn: () => undefined },
  })
  const section = (title: string): void => {
    line()
    line(style.title(title))
  }
  const check = (holds: boolean, what: string): void => {
    checks.push({ holds, what })
    line(`   ${holds ? style.good('ok') : style.bad('FAILED')}  ${what}`)
  }
  const scene: Scene = { client, tap, output, section, check }
  try {
    const gateway = await output.progress(
      'the gateway is generating its keys',
      startGatewayProcess(environment),
    )
    try {
      tap.connectTo(gateway.port)
      const timings = await showChat(scene, steps)
      await showToolCall(scene)
      await showTampering(scene)
      showTimings(timings, scene)
    } finally {
      await gateway.stop()
    }
  } finally {
    client.dispose()
    await tap.close()
  }
  const failed = checks.filter(({ holds }) => !holds).length
  printJson?.(printableJson({ ok: failed === 0, checks, steps }))
  line(
    failed === 0
      ? `${style.good(`   All ${checks.length} checks held.`)} Next: README.md, "Use it".`
      : style.bad(`   ${failed} of the checks above failed.`),
  )
  return failed === 0 ? EXIT.ok : EXIT.failed
}

/** Returns the steps of the call, without those of what is shown afterwards. */
async function showChat(
  { client, tap, output, section, check }: Scene,
  steps: readonly CompletionStep[],
): Promise<CompletionStep[]> {
  const { line, style, progress } = output
  section('1  The request')
  line(`   model    ${MODEL}`)
  line(`   prompt   ${PROMPT}`)
  line()
  const completion = await progress(
    'sending; the first call fetches the key statement',
    client.create({ model: MODEL, messages: [{ role: 'user', content: PROMPT }] }),
  )
  const timings = steps.slice()
  section('2  What an eavesdropper sees')
  for (const text of eavesdrop(tap.recorded)) line(style.quiet(text))
  const recorded = tap.recorded.toGateway + tap.recorded.toClient
  const hidden = [PROMPT, MODEL, completion._metadata.payload_id]
  check(
    // Such a request shows that the tap has recorded this very exchange.
    recorded.includes(`POST ${GATEWAY_PATH}`) &&
      hidden.every((text) => findIn(recorded, text) === undefined),
    `prompt, model and id are not in the ${recorded.length.toLocaleString('en')} recorded bytes`,
  )
  section('3  The answer as the client decrypts it')
  const answer = completion.choices[0].message.content
  line(`   answer   ${answer ?? ''}`)
  line(`   engine   ${String(completion.system_fingerprint)}: a stand-in, not a model`)
  line(`   id       ${completion._metadata.payload_id}`)
  line(`   wire     ${describeWire(await client.chooseWire())}`)
  check(answer === PROMPT, 'the answer is the echo of the prompt')
  return timings
}

async function showToolCall({ client, output, section, check }: Scene): Promise<void> {
  const { line } = output
  const completion = await client.create({
    model: MODEL,
    messages: [{ role: 'user', content: PROMPT }],
    tools: [TOOL],
    tool_choice: 'auto',
  })
  const call = completion.choices[0].message.tool_calls?.[0]
  section('4  A tool call, encrypted in the same way')
  line(`   tool     ${call?.function.name ?? 'none'}(${call?.function.arguments ?? ''})`)
  check(
    call?.function.name === TOOL.function.name && hasArguments(call.function.arguments),
    'the model side asked for the tool, with arguments that fit',
  )
}

async function showTampering({ client, tap, output, section, check }: Scene): Promise<void> {
  const { line } = output
  section('5  One bit of an answer changed on the network path')
  tap.tamperWithNextAnswer()
  const outcome = await client
    .create({ model: MODEL, messages: [{ role: 'user', content: PROMPT }] })
    .catch((error: unknown) => error)
  line(`   result   ${describe(outcome)}`)
  check(
    outcome instanceof SecurityError && outcome.code === 'ERR_DECRYPTION_FAILED',
    'the tampered answer was refused, and none of it was used',
  )
}

function showTimings(steps: readonly CompletionStep[], { output, section }: Scene): void {
  const { line, style } = output
  section('6  Where the time of the first call went')
  for (const { name, durationMs } of steps) {
    line(`   ${STEP_NAMES[name].padEnd(22)} ${durationMs.toFixed(1).padStart(8)} ms`)
  }
  line(style.quiet('   Later calls know the key statement, and fetch it when it changes.'))
  line()
}

function describe(outcome: unknown): string {
  if (outcome instanceof SecurityError) return `SecurityError ${outcome.code}`
  if (outcome instanceof Error) return `${outcome.name}: ${outcome.message}`
  return `accepted as ${(outcome as ChatCompletion).id}`
}

function hasArguments(json: string): boolean {
  const given = JSON.parse(json) as Record<string, unknown>
  return typeof given['first'] === 'string' && typeof given['second'] === 'string'
}
