import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import type { Command } from './command.js'
import { EXIT } from './exit-codes.js'

const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGINT'] as const

/** A command that is the program of another package, with all its arguments and its exit code. */
export function shortcut(packageName: string, about: string): Command {
  return {
    about,
    operands: '…',
    runRaw: ({ output }, args) => {
      const program = findProgram(packageName)
      if (program !== undefined) return runProgram(program, args)
      output.note(
        `nomyo: this is the package ${packageName}, which is not here: npm install --global ${packageName}`,
      )
      return Promise.resolve(EXIT.failed)
    },
  }
}

/** The file behind `bin` of a package, wherever this one could import it from. */
function findProgram(packageName: string): string | undefined {
  try {
    const manifestPath = createRequire(import.meta.url).resolve(`${packageName}/package.json`)
    const { bin } = JSON.parse(readFileSync(manifestPath, 'utf8')) as {
      bin?: string | Record<string, string>
    }
    const file = typeof bin === 'object' ? Object.values(bin)[0] : bin
    return file === undefined ? undefined : join(dirname(manifestPath), file)
  } catch {
    return undefined
  }
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
