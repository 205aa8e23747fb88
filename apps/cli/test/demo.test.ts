import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const entry = fileURLToPath(new URL('../dist/main.js', import.meta.url))

interface Run {
  readonly code: number | string | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the built command as a shell would, its output going into a pipe. */
function nomyo(args: readonly string[], env: Record<string, string> = {}): Promise<Run> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, timeout: 60_000 }
    execFile(process.execPath, [entry, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? null), stdout, stderr })
    })
  })
}

describe('nomyo demo', () => {
  it('shows the whole way of a completion, in 80 columns, without colours in a pipe', async () => {
    const { code, stdout } = await nomyo(['demo'])
    expect(code).toBe(0)
    expect(stdout).not.toContain('\u001b')
    const lines = stdout.split('\n')
    expect(lines.filter((line) => line.length > 80)).toEqual([])
    expect(lines.filter((line) => line.startsWith('   ok  '))).toHaveLength(4)
    expect(stdout).toContain('encrypted_payload')
    expect(stdout).toContain('nomyo-demo-engine')
    expect(stdout).toContain('check_interaction({')
    expect(stdout).toContain('ERR_DECRYPTION_FAILED')
    // The prompt is shown where it is asked and where it is answered, and not among the recorded bytes.
    expect(stdout.split('clarithromycin')).toHaveLength(3)
  })

  it('ignores settings for another gateway in the environment', async () => {
    const { code } = await nomyo(['demo'], { NOMYO_PORT: 'nonsense', NOMYO_API_KEY: 'x' })
    expect(code).toBe(0)
  })

  it('fails when the gateway does not start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'nomyo-demo-'))
    try {
      const preload = join(folder, 'no-gateway.cjs')
      writeFileSync(preload, `if (process.argv.includes('--engine')) process.exit(7)`)
      const { code, stderr } = await nomyo(['demo'], { NODE_OPTIONS: `--require ${preload}` })
      expect(code).toBe(1)
      expect(stderr).not.toContain('    at ')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('fails when what comes back is not what was asked', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'nomyo-demo-'))
    try {
      // Every text the gateway seals loses its letters a: still a genuine answer, but a wrong one.
      const preload = join(folder, 'wrong-answers.cjs')
      writeFileSync(
        preload,
        `if (process.argv.includes('--engine')) {
          const stringify = JSON.stringify
          JSON.stringify = (value, ...rest) => {
            const text = stringify(value, ...rest)
            return value && value.choices ? text.replaceAll('atorva', 'simva') : text
          }
        }`,
      )
      const { code, stdout } = await nomyo(['demo'], { NODE_OPTIONS: `--require ${preload}` })
      expect(stdout).toContain('FAILED')
      expect(code).toBe(1)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('nomyo', () => {
  it('lists its commands with --help', async () => {
    const { code, stdout } = await nomyo(['--help'])
    expect(code).toBe(0)
    expect(stdout).toContain('demo')
  })

  it.each([[['dmeo']], [['demo', 'now']], [[]]])('refuses %j as usage', async (args) => {
    expect((await nomyo(args)).code).toBe(2)
  })
})
