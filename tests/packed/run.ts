import { execFile } from 'node:child_process'

/** Runs a program to its end, without the settings of this project in its environment. */
export function run(
  program: string,
  args: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ exitCode: number; output: string }> {
  return new Promise((resolve) => {
    const options = { cwd: folder, env: { ...environment(), ...env } }
    execFile(program, args, options, (error, stdout, stderr) => {
      const output = (stdout + stderr).trim()
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? 1) || 1, output })
    })
  })
}

/** That of this process, without what pnpm and vitest put there. */
export function environment(): Record<string, string | undefined> {
  const strangers = /^(?:npm_|pnpm_|NOMYO_|NODE_|VITEST|VITE_)/i
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !strangers.test(name)))
}
