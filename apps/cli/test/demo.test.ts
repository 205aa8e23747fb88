import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isInstalled, temporaryFolder, until } from '@nomyo-internal/testing'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Home, VECTOR_KEYS } from './support.js'

/** The texts of the demo that matter, in the order in which they are shown. */
const SHOWN = [
  // In the clear.
  'POST /v1/chat/completions',
  'clarithromycin',
  // Wire 1.
  'POST /v1/chat/secure_completion',
  'authorization: Bearer',
  // Wire 2, whole and streamed.
  'message/ohttp-chunked-req',
  'wire     2',
  '9 parts',
  'check_interaction({',
  // Evidence, and attacks.
  'signer   sha256/',
  'ERR_ATTESTATION_FAILED',
  'ERR_DECRYPTION_FAILED',
  'ERR_WIRE_DOWNGRADE',
]

describe('nomyo demo', () => {
  it('shows a question in the clear, encrypted and attacked, in 80 columns, without colours in a pipe', async () => {
    const { code, stdout } = await new Home().run(['demo'])
    expect(code, stdout).toBe(0)
    expect(stdout).not.toContain('\u001b')
    const lines = stdout.split('\n')
    expect(lines.filter((line) => line.length > 80)).toEqual([])
    const checks = lines.filter((line) => line.startsWith('   ok  '))
    expect(checks).toHaveLength(isInstalled('swtpm') ? 10 : 9)
    let end = 0
    for (const text of SHOWN) {
      expect(stdout.slice(end), text).toContain(text)
      end = stdout.indexOf(text, end) + text.length
    }
    // Of the recorded bytes, only those without encryption have the prompt; those of wire 2 have no API key.
    const recorded = lines.filter((line) => /^ {3}[<>]/u.test(line))
    const [wire1, wire2] = ['secure_completion', 'ohttp-gateway'].map((path) =>
      recorded.findIndex((line) => line.includes(path)),
    )
    expect(recorded.slice(0, wire1).join('')).toContain('clarithromycin')
    expect(recorded.slice(wire1).join('')).not.toContain('clarithromycin')
    expect(recorded.slice(wire2).join('')).not.toContain('authorization')
    // The timings are those of the first call on wire 2 alone.
    expect(stdout.match(/^ {3}\w.* \d+\.\d ms$/gmu)).toHaveLength(4)
  })

  it('ignores settings for another gateway, and does without a software TPM', async () => {
    vi.stubEnv('PATH', '')
    onTestFinished(() => void vi.unstubAllEnvs())
    const home = new Home({ NOMYO_PORT: 'nonsense', NOMYO_API_KEY: 'x' })
    const { code, stdout, stderr } = await home.run(['demo', '--json'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const { ok, checks, steps } = JSON.parse(stdout)
    expect([ok, checks.length]).toEqual([true, 9])
    expect(steps[0]).toHaveProperty('durationMs')
  })

  /** Runs the demo with code that its gateway loads first. */
  const runWith = (code: string) => {
    const preload = join(temporaryFolder(), 'preload.cjs')
    writeFileSync(preload, code)
    return new Home({ NODE_OPTIONS: `${VECTOR_KEYS} --require ${preload}` }).run(['demo'])
  }

  it.each(['SIGINT', 'SIGTERM'] as const)('ends its processes at %s', async (signal) => {
    const folder = temporaryFolder()
    const pidFile = join(folder, 'pid')
    // A gateway that never says that it listens.
    const preload = join(temporaryFolder(), 'preload.cjs')
    writeFileSync(
      preload,
      `if (process.argv.includes('--engine')) {
        require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid))
        process.stdout.write = () => true
      }`,
    )
    const options = { NODE_OPTIONS: `${VECTOR_KEYS} --require ${preload}`, TMPDIR: folder }
    const demo = new Home().start(['demo'], options)
    const read = () => (existsSync(pidFile) && Number(readFileSync(pidFile, 'utf8'))) || undefined
    const pid = await until(read)
    demo.kill(signal)
    expect(await demo.ended).toMatchObject({ code: 130, stderr: '' })
    expect(() => process.kill(pid, 0)).toThrow()
    expect(readdirSync(folder)).toEqual(['pid'])
  })

  it('fails when the gateway does not start', async () => {
    const { code, stderr } = await runWith('process.exit(7)')
    expect(code).toBe(1)
    expect(stderr).not.toContain('    at ')
  })

  it('fails when the answer is not the one expected', async () => {
    // The choices of every answer that the gateway encrypts have one word replaced: genuine, but wrong.
    const { code, stdout } = await runWith(`
      const stringify = JSON.stringify
      JSON.stringify = (value, ...rest) => {
        const text = stringify(value, ...rest)
        return value?.[0]?.message ? text.replaceAll('atorva', 'simva') : text
      }`)
    expect(stdout).toContain('FAILED')
    expect(code).toBe(1)
  })
})
