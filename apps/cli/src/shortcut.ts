import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import type { Command } from './command.js'

const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGINT'] as const

/** A command that is the program of another package, with all its arguments and its exit code. */
export function shortcut(packageName: string, about: string): Command {
  return {
    about,
    operands: '…',
    runRaw: (_context, args) => runProgram(programOf(packageName), args),
  }
}

/** The file behind `bin` of a package this one depends on. */
function programOf(packageName: string): string {
  const manifestPath = createRequire(import.meta.url).resolve(`${packageName}/package.json`)
  const { bin } = JSON.parse(readFileSync(manifestPath, 'utf8')) as { bin: Record<string, string> }
  return join(dirname(manifestPath), Object.values(bin)[0] ?? '')
}

async function runProgram(program: string, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [program, ...args], { stdio: 'inherit' })
  const forward = (signal: NodeJS.Signals): void => {
    // Ctrl-C on a terminal reaches both by itself; twice would mean something else.
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
