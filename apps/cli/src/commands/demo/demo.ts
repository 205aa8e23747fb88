import { basename } from 'node:path'
import { SecureChatCompletion, type CompletionStep } from '@nomyo/client'
import { EXIT, wholeNumber, type Environment } from '@nomyo-internal/command-line'
import { printableJson } from '@nomyo-internal/diagnostics'
import type { Output } from '../../output/output.js'
import { cliCommand } from '../cli-command.js'
import { startGatewayProcess, type GatewayStart } from './gateway-process.js'
import { awaitInterruption } from './interruption.js'
import { createKnownServers } from './known-servers.js'
import { API_KEY, PROMPT, type ClientOptions, type DemoModel, type Scene } from './scene.js'
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
  options: {
    json: { summary: 'print the checks and the timings only, as JSON' },
    model: {
      value: 'FILE',
      summary: 'GGUF model that answers, or its place as --model of nomyo-gateway takes it',
      defaultSummary: 'a stand-in that repeats the prompt',
      isPath: true,
    },
    modelLibrary: {
      value: 'DIR',
      summary: 'folder in whose node_modules node-llama-cpp is installed',
      defaultSummary: 'where the gateway is installed',
      isPath: true,
    },
    modelThreads: {
      value: 'COUNT',
      summary: 'threads of the model; fewer on a machine with other work',
      defaultSummary: 'one for each fast core',
      parse: wholeNumber(1, 1024),
    },
  },
  notes: ['The exit code is 0 only if every check held.'],
  run: ({ settings, output, context: { environment } }) => {
    const { json, model, modelLibrary, modelThreads } = settings.values
    if (model === undefined) {
      const lost = (['modelLibrary', 'modelThreads'] as const).find((name) => settings.given(name))
      if (lost !== undefined) throw settings.mistake(lost, 'needs --model FILE')
    }
    const engine = engineOf(model, {
      '--model-library': modelLibrary,
      '--model-threads': modelThreads,
    })
    if (!json) return demo(output, { environment, engine })
    const silent = { line: () => undefined, write: () => undefined, progress: output.waiting }
    return demo({ ...output, ...silent }, { environment, engine, printJson: output.line })
  },
})

/** Source of the answers. */
interface DemoEngine extends DemoModel {
  /** Options of the gateway. */
  readonly options: readonly string[]
}

/** @param others - options of the gateway, with their values */
function engineOf(
  model: string | undefined,
  others: Readonly<Record<string, string | number | undefined>>,
): DemoEngine {
  if (model === undefined) {
    return { name: 'nomyo/echo', isStandIn: true, options: ['--engine', 'demo'] }
  }
  const [, repository] = /^hf:([^:]+?)(?:-gguf)?(?::|$)/i.exec(model) ?? []
  const [file = ''] = model.split(/[?#]/)
  const name = (repository ?? basename(file, '.gguf')).replaceAll(/[^\x21-\x7e]/g, '_') || 'model'
  const given = Object.entries(others).flatMap(([flag, value]) =>
    value === undefined ? [] : [flag, String(value)],
  )
  return { name, isStandIn: false, options: ['--model', model, '--model-name', name, ...given] }
}

/** Notes of the gateway, kept until they have a place in the output. */
class Notes {
  readonly #early: string[] = []
  #show: ((note: string) => void) | undefined

  add(note: string): void {
    if (this.#show === undefined) this.#early.push(note)
    else this.#show(note)
  }

  show(show: (note: string) => void): void {
    this.#show = show
    for (const note of this.#early.splice(0)) show(note)
  }
}

/** Circumstances of one demo. */
interface Stage {
  readonly environment: Environment
  readonly engine: DemoEngine
  /** Receives the result for programs. */
  readonly printJson?: (text: string) => void
}

async function demo(output: Output, { environment, engine, printJson }: Stage): Promise<number> {
  const { line, style } = output
  line(style.title('NOMYO: one chat completion, in the clear and encrypted, on this machine'))
  line()
  if (engine.isStandIn) {
    line('   The gateway is a process of its own. Its demo engine stands in for a model:')
    line('   it needs none, and says so in every answer. A wire tap sits between client')
    line('   and gateway, where a load balancer, a CDN or a logging proxy would.')
  } else {
    line('   The gateway is a process of its own, and the model runs in it: nothing leaves')
    line('   it in the clear. A wire tap sits between client and gateway, where a load')
    line('   balancer, a CDN or a logging proxy would.')
  }
  line()
  line(`   model    ${engine.name}`)
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
    model: engine,
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
  const notes = new Notes()
  const gateway = startGateway(environment, {
    ...{ engine, signal: stopping.signal },
    onModelNote: (note) => {
      notes.add(note)
    },
  })
  // Awaited later.
  gateway.catch(() => undefined)
  const play = async (): Promise<undefined> => {
    // It generates its RSA key meanwhile.
    const wire1 = newClient({ wire: 1 })
    await showPlainHttp(scene)
    line()
    // The steps of a model are shown as they come, in place of a clock.
    notes.show((note) => {
      line(style.quiet(`   ${note}`))
    })
    const { port, hasTpm } = engine.isStandIn
      ? await output.progress('the gateway is generating its keys', gateway)
      : await gateway
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
async function startGateway(
  environment: Environment,
  { engine, ...start }: Omit<GatewayStart, 'options'> & { readonly engine: DemoEngine },
) {
  const tpm = await startSoftwareTpm()
  try {
    const flags = tpm === undefined ? [] : ['--tpm', tpm.address, '--tpm-ak', 'ephemeral']
    const options = [...engine.options, ...flags]
    const gateway = await startGatewayProcess(environment, { ...start, options })
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
  section('Where the first call on wire 2 spent its time')
  for (const { name, durationMs } of timings) {
    line(`   ${STEP_NAMES[name].padEnd(23)} ${durationMs.toFixed(1).padStart(8)} ms`)
  }
  line(style.quiet('   Later calls reuse the key statement, and fetch it again when it changes.'))
  line()
}
