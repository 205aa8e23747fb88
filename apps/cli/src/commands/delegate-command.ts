import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import type { Command } from '@nomyo-internal/command-line'

const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGINT'] as const

/** Defines a command that runs the program of another package, with its arguments and exit code. */
export const delegateCommand = (packageName: string, summary: string): Command => ({
  summary,
  runRaw: (args) => runProgram(programOf(packageName), args),
})

/** Finds the program of a package that this one depends on. */
function programOf(packageName: string): string {
  const manifestPath = createRequire(import.meta.url).resolve(`${packageName}/package.json`)
  const { bin } = JSON.parse(readFileSync(manifestPath, 'utf8')) as { bin: Record<string, string> }
  return join(dirname(manifestPath), Object.values(bin)[0] ?? '')
}

async function runProgram(program: string, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [program, ...args], { stdio: 'inherit' })
  const forward = (signal: NodeJS.Signals): void => {
    // The terminal sends Ctrl-C to both; a second one would mean "at once".
    if (signal === 'SIGINT' && process.stdin.isTTY) return
    child.kill(signal)
  }
  for (const signal of FORWARDED) process.on(signal, forward)
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => {
        resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
      })
    })
  } finally {
    for (const signal of FORWARDED) process.removeListener(signal, forward)
  }
}
