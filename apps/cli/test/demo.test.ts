import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { Home, VECTOR_KEYS } from './support.js'

describe('nomyo demo', () => {
  it('shows a completion from end to end, in 80 columns, without colours in a pipe', async () => {
    const { code, stdout } = await new Home().run(['demo'])
    expect(code).toBe(0)
    expect(stdout).not.toContain('\u001b')
    const lines = stdout.split('\n')
    expect(lines.filter((line) => line.length > 80)).toEqual([])
    expect(lines.filter((line) => line.startsWith('   ok  '))).toHaveLength(4)
    expect(stdout).toContain('message/ohttp-chunked-req')
    expect(stdout).toContain('wire     2')
    expect(stdout).toContain('nomyo-demo-engine')
    expect(stdout).toContain('check_interaction({')
    expect(stdout).toContain('ERR_DECRYPTION_FAILED')
    // The timings are those of the first call alone.
    expect(stdout.match(/^ {3}\w.* \d+\.\d ms$/gmu)).toHaveLength(4)
    // The prompt is shown where it is asked and where it is answered, and not among the recorded bytes.
    expect(stdout.split('clarithromycin')).toHaveLength(3)
  })

  it('ignores settings for another gateway in the environment', async () => {
    const home = new Home({ NOMYO_PORT: 'nonsense', NOMYO_API_KEY: 'x' })
    const { code, stdout, stderr } = await home.run(['demo', '--json'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const { ok, checks, steps } = JSON.parse(stdout)
    expect([ok, checks.length]).toEqual([true, 4])
    expect(steps[0]).toHaveProperty('durationMs')
  })

  /** Runs the demo with code that its gateway loads first. */
  const runWith = (code: string) => {
    const preload = join(temporaryFolder(), 'preload.cjs')
    writeFileSync(preload, code)
    return new Home({ NODE_OPTIONS: `${VECTOR_KEYS} --require ${preload}` }).run(['demo'])
  }

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
