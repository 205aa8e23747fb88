import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { keyFile } from '@nomyo-internal/testing/vectors'
import { onTestFinished } from 'vitest'

/** The built command. */
export const entry = fileURLToPath(new URL('../bin/nomyo.js', import.meta.url))
const gatewayEntry = fileURLToPath(new URL('../../gateway/bin/nomyo-gateway.cjs', import.meta.url))

/** A folder for one test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nomyo-cli-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A home of its own, without any setting of whoever runs the tests. */
export class Home {
  readonly path = temporaryFolder()
  readonly work = join(this.path, 'work')
  readonly environment: Record<string, string>

  constructor(environment: Record<string, string> = {}) {
    const temporary = join(this.path, 'tmp')
    for (const folder of [this.work, temporary]) mkdirSync(folder)
    this.environment = {
      PATH: process.env['PATH'] ?? '',
      HOME: this.path,
      XDG_CONFIG_HOME: join(this.path, 'config'),
      TMPDIR: temporary,
      ...environment,
    }
  }

  config(content: unknown): void {
    const folder = join(this.path, 'config', 'nomyo')
    mkdirSync(folder, { recursive: true })
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    writeFileSync(join(folder, 'config.json'), text)
  }

  file(name: string, content: string): string {
    const path = join(this.work, name)
    writeFileSync(path, content)
    return path
  }

  /** Everything in all files, also names. */
  allText(): string {
    return readdirSync(this.path, { recursive: true, withFileTypes: true })
      .map(
        (one) =>
          `${one.name}\n${one.isFile() ? readFileSync(join(one.parentPath, one.name), 'latin1') : ''}`,
      )
      .join('\n')
  }

  /** Runs the built command with its output going into pipes. */
  run(
    args: readonly string[],
    { input = '', env = {} }: { input?: string; env?: Record<string, string> } = {},
  ): Promise<Run> {
    return new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        [entry, ...args],
        { env: { ...this.environment, ...env }, cwd: this.work, timeout: 50_000 },
        (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : (error.code ?? null), stdout, stderr })
        },
      )
      child.stdin?.on('error', () => {})
      child.stdin?.end(input)
    })
  }

  /** Runs it on a pseudo terminal. */
  terminal(args: readonly string[]): Terminal {
    const quoted = [process.execPath, entry, ...args].map((one) => `'${one}'`).join(' ')
    return new Terminal(
      spawn('script', ['-qec', quoted, '/dev/null'], {
        env: { ...this.environment, TERM: 'xterm' },
        cwd: this.work,
      }),
    )
  }
}

export interface Run {
  readonly code: number | string | null
  readonly stdout: string
  readonly stderr: string
}

/** Whether util-linux's script is here, to make pseudo terminals. */
export const hasTerminals = isThere('script', '--version')

export function isThere(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const PATIENCE_MS = 20_000

/** Somebody at a terminal. */
export class Terminal {
  readonly #child: ChildProcess
  readonly #ended: Promise<number | null>
  #seen = 0
  shown = ''

  constructor(child: ChildProcess) {
    this.#child = child
    child.stdout?.on('data', (bytes: Buffer) => (this.shown += bytes.toString()))
    this.#ended = once(child, 'exit').then(([code]: unknown[]) => code as number | null)
    onTestFinished(() => void child.kill('SIGKILL'))
  }

  /** Waits for a text behind the last one waited for. */
  async sees(text: string): Promise<void> {
    const end = performance.now() + PATIENCE_MS
    for (;;) {
      const index = this.shown.indexOf(text, this.#seen)
      if (index !== -1) {
        this.#seen = index + text.length
        return
      }
      if (performance.now() > end || this.#child.exitCode !== null) {
        throw new Error(`not seen: ${text}\n${this.shown}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  types(text: string): void {
    this.#child.stdin?.write(text)
  }

  /** Types a line and waits for what it brings, and for the next prompt. */
  async asks(line: string, ...texts: string[]): Promise<void> {
    this.types(`${line}\r`)
    await this.sees(line.slice(-20))
    for (const text of texts) await this.sees(text)
    await this.sees('> ')
  }

  ended(): Promise<number | null> {
    return this.#ended
  }
}

/** The built gateway with its demo engine, in a process of its own. */
export async function startGateway(
  ...flags: string[]
): Promise<{ url: string; port: number; stop(): Promise<void> }> {
  const keyDir = mkdtempSync(join(tmpdir(), 'nomyo-cli-gateway-'))
  chmodSync(keyDir, 0o700)
  writeFileSync(join(keyDir, 'private_key.pem'), keyFile('keys/server.private.pem'), {
    mode: 0o600,
  })
  const args = [
    '--engine',
    'demo',
    '--port',
    '0',
    '--key-dir',
    keyDir,
    '--rate-limit',
    'off',
    '--log-level',
    'error',
  ]
  const child = spawn(process.execPath, [gatewayEntry, ...args, ...flags], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [bytes] = (await once(child.stdout, 'data')) as [Buffer]
  const port = Number(/:(\d+)$/m.exec(bytes.toString())?.[1])
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
      rmSync(keyDir, { recursive: true })
    },
  }
}
