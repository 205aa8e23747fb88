import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'

/** Exit of a process, with everything that it wrote. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A process with its output. */
export interface Program {
  readonly child: ChildProcessWithoutNullStreams
  readonly pid: number
  readonly ended: Promise<Ended>
  /** Standard output so far. */
  stdout(): string
  /** Standard error so far. */
  stderr(): string
  /** Both, standard output first. */
  output(): string
  kill(signal: NodeJS.Signals): void
  /**
   * Waits for a text on standard output, and returns its first group.
   *
   * @throws Error with the standard error, if the process ends without it
   */
  prints(pattern: RegExp): Promise<string>
  /** Sends SIGTERM, and SIGKILL if that does not end it within 30 seconds. */
  stop(): Promise<Ended>
}

export interface ProgramOptions {
  /** Added to {@link plainEnvironment}. */
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Signals reach it and every process that it starts. */
  readonly asGroup?: boolean
  /** A shell script that starts the program as its arguments, for limits and redirections. */
  readonly within?: string
}

/** Starts a process whose standard input is empty. */
export function startProgram(
  command: string,
  args: readonly string[],
  { env = {}, cwd, within, asGroup = false }: ProgramOptions = {},
): Program {
  const [program, ...words] =
    within === undefined ? [command, ...args] : ['sh', '-c', within, 'sh', command, ...args]
  const child = spawn(program, words, {
    env: { ...plainEnvironment(), ...env },
    cwd,
    detached: asGroup,
  })
  child.stdin.on('error', () => undefined).end()
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text))
  }
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    ...output,
  }))
  const kill = (signal: NodeJS.Signals): void => {
    if (!asGroup || child.pid === undefined) child.kill(signal)
    // Once it has ended, its number may be that of another process.
    else if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, signal)
  }
  return {
    child,
    pid: child.pid ?? 0,
    ended,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    output: () => output.stdout + output.stderr,
    kill,
    prints: async (pattern) => {
      const end = new AbortController()
      void ended.then(() => end.abort())
      for (;;) {
        const found = pattern.exec(output.stdout)?.[1]
        if (found !== undefined) return found
        try {
          await once(child.stdout, 'data', { signal: end.signal })
        } catch {
          throw new Error(`${command} ended before ${pattern}: ${output.stderr}`)
        }
      }
    },
    stop: async () => {
      kill('SIGTERM')
      const lastResort = setTimeout(() => kill('SIGKILL'), 30_000)
      try {
        return await ended
      } finally {
        clearTimeout(lastResort)
      }
    },
  }
}

/** The environment of this process without settings of this project, of proxies and of test runners. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const unwanted = /^(?:npm_|pnpm_|NOMYO_|NODE_|VITEST|VITE_)|_proxy$/i
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !unwanted.test(name)))
}
