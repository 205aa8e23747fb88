import { SecureChatCompletion, type CompletionStep } from '@nomyo/client'
import { EXIT, type Environment } from '@nomyo-internal/command-line'
import { printableJson } from '@nomyo-internal/diagnostics'
import type { Output } from '../../output/output.js'
import { cliCommand } from '../cli-command.js'
import { startGatewayProcess } from './gateway-process.js'
import { awaitInterruption } from './interruption.js'
import { createKnownServers } from './known-servers.js'
import { API_KEY, MODEL, PROMPT, type ClientOptions, type Scene } from './scene.js'
import { showDowngrade, showTampering } from './scenes/attacks.js'
import { showEvidence } from './scenes/evidence.js'
import { showPlainHttp } from './scenes/plain-http.js'
import { showStream, showWire1, showWire2 } from './scenes/sealed.js'
import { showToolCall } from './scenes/tool-call.js'
import { startSoftwareTpm } from './software-tpm.js'
import { startWireTap } from './wire-tap.js'

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

/** `nomyo demo`: shows one question in the clear, encrypted, and attacked. */
export const demoCommand = cliCommand({
  summary: 'show one chat completion in the clear, encrypted and attacked, offline',
  options: { json: { summary: 'print the checks and the timings only, as JSON' } },
  notes: ['The exit code is 0 only if every check held.'],
  run: ({ settings, output, context: { environment } }) =>
    settings.values.json
      ? demo(
          {
            ...output,
            line: () => undefined,
            write: () => undefined,
            progress: output.waiting,
          },
          environment,
          output.line,
        )
      : demo(output, environment),
})

/** @param printJson - receives the result for programs */
async function demo(
  output: Output,
  environment: Environment,
  printJson?: (text: string) => void,
): Promise<number> {
  const { line, style } = output
  line(style.title('NOMYO: one chat completion, in the clear and encrypted, on this machine'))
  line()
  line('   The gateway is a process of its own. Its demo engine stands in for a model:')
  line('   it needs none, and says so in every answer. Between client and gateway')
  line('   stands a wire tap, where a load balancer, a CDN or a logging proxy would.')
  line()
  line(`   model    ${MODEL}`)
  line(`   prompt   ${PROMPT}`)
  const tap = await startWireTap()
  const clients: SecureChatCompletion[] = []
  const newClient = (
    options: ClientOptions,
    onStep: (step: CompletionStep) => void = () => undefined,
  ): SecureChatCompletion => {
    const client = new SecureChatCompletion({
      baseUrl: tap.url,
      allowHttp: true,
      apiKey: API_KEY,
      maxRetries: 0,
      logger: { warn: () => undefined },
      onStep,
      ...options,
    })
    clients.push(client)
    return client
  }
  const steps: CompletionStep[] = []
  const checks: { readonly holds: boolean; readonly what: string }[] = []
  const knownServers = createKnownServers()
  const stopping = new AbortController()
  let sections = 0
  const scene: Scene = {
    output,
    tap,
    client: newClient({ knownServers }, (step) => steps.push(step)),
    steps,
    newClient,
    section: (title) => {
      stopping.signal.throwIfAborted()
      line()
      line(style.title(`${String(++sections)}  ${title}`))
    },
    check: (holds, what) => {
      stopping.signal.throwIfAborted()
      checks.push({ holds, what })
      line(`   ${holds ? style.good('ok') : style.bad('FAILED')}  ${what}`)
    },
  }
  const gateway = startGateway(environment, stopping.signal)
  // Awaited later.
  gateway.catch(() => undefined)
  const play = async (): Promise<undefined> => {
    // It generates its RSA key meanwhile.
    const wire1 = newClient({ wire: 1 })
    await showPlainHttp(scene)
    line()
    const { port, hasTpm } = await output.progress('the gateway is generating its keys', gateway)
    tap.connectTo(port)
    await showWire1(scene, wire1)
    const timings = await showWire2(scene)
    await showStream(scene)
    await showToolCall(scene)
    await showEvidence(scene, hasTpm)
    await showTampering(scene)
    await showDowngrade(scene, knownServers)
    showTimings(timings, scene)
  }
  const interruption = awaitInterruption()
  let interrupted: NodeJS.Signals | undefined
  try {
    interrupted = await Promise.race([play(), interruption.received])
  } finally {
    interruption.ignore()
    stopping.abort()
    for (const client of clients) client.dispose()
    await tap.close()
    const started = await gateway.catch(() => undefined)
    await started?.stop()
  }
  if (interrupted !== undefined) return EXIT.interrupted
  const failed = checks.filter(({ holds }) => !holds).length
  printJson?.(printableJson({ ok: failed === 0, checks, steps }))
  line(
    failed === 0
      ? `${style.good(`   All ${String(checks.length)} checks held.`)} Next: "Install" in README.md.`
      : style.bad(`   ${String(failed)} of the checks above failed.`),
  )
  return failed === 0 ? EXIT.ok : EXIT.failed
}

/** Starts the gateway, with a software TPM where one is installed. */
async function startGateway(environment: Environment, signal: AbortSignal) {
  const tpm = await startSoftwareTpm()
  try {
    const options = tpm === undefined ? [] : ['--tpm', tpm.address, '--tpm-ak', 'ephemeral']
    const gateway = await startGatewayProcess(environment, ['--engine', 'demo', ...options], signal)
    return {
      port: gateway.port,
      hasTpm: tpm !== undefined,
      stop: async (): Promise<void> => {
        await gateway.stop()
        await tpm?.stop()
      },
    }
  } catch (error) {
    await tpm?.stop()
    throw error
  }
}

function showTimings(timings: readonly CompletionStep[], { output, section }: Scene): void {
  const { line, style } = output
  section('Where the time of the first call on wire 2 went')
  for (const { name, durationMs } of timings) {
    line(`   ${STEP_NAMES[name].padEnd(22)} ${durationMs.toFixed(1).padStart(8)} ms`)
  }
  line(style.quiet('   Later calls know the key statement, and fetch it when it changes.'))
  line()
}
