import { execFileSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { flagName, type OptionDefinition } from '@nomyo-internal/command-line'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '@nomyo-internal/testing'
import type { GatewayConfig } from '../src/config/config.js'
import { drainTimeoutMs } from '../src/config/drain-timeout.js'
import { OPTIONS } from '../src/config/schema.js'
import { readConfig } from './support.js'

const folder = temporaryFolder()

const example = (name: string): Promise<string> =>
  readFile(fileURLToPath(new URL(`../examples/${name}`, import.meta.url)), 'utf8')
const [unit, tpmDropIn, config] = (await Promise.all(
  ['nomyo-gateway.service', 'nomyo-gateway-tpm.conf', 'gateway.yaml'].map(example),
)) as [string, string, string]

const CREDENTIALS = '/run/credentials/nomyo-gateway.service'

async function read(text: string): Promise<GatewayConfig> {
  const path = join(folder, 'gateway.yaml')
  await writeFile(join(folder, 'upstream-key'), 'the-key\n')
  await writeFile(path, text.replaceAll(CREDENTIALS, folder))
  return readConfig(['--config', path], { CALLER_KEY: 'a-key-that-is-long-enough' })
}

describe('the config file', () => {
  it('can be read as it is', async () => {
    expect(await read(config)).toMatchObject({
      engine: { upstreams: [{ name: 'local' }, { name: 'gpu-1', apiKey: 'the-key' }] },
      policy: { tiers: { standard: {}, high: { requireUpstreamTls: true } } },
      tpm: undefined,
    })
  })

  it('can be read with everything that is commented out', async () => {
    const everything = config.replace(/^( *)#(?=\S)/gm, '$1')
    expect(everything).not.toBe(config)
    expect(await read(everything)).toMatchObject({
      tpm: { address: 'device', required: true },
      tls: { certFile: '/etc/nomyo/tls.crt' },
      engine: { upstreams: [{}, { caFile: '/etc/nomyo/internal-ca.pem' }] },
      apiKeys: ['a-key-that-is-long-enough'],
    })
  })

  it('names every member there is', () => {
    const members = Object.values<OptionDefinition>(OPTIONS).flatMap(({ member }) =>
      typeof member === 'string' ? [member] : [],
    )
    const missing = members.filter((member) => !new RegExp(`\\b${member}\\b`).test(config))
    expect(missing).toEqual([])
  })

  it('repeats defaults correctly', () => {
    for (const [name, option] of Object.entries<OptionDefinition>(OPTIONS)) {
      if (option.default === undefined || name === 'tpm') continue
      const [, said] = new RegExp(`^#?${name}: (.*)$`, 'm').exec(config) ?? []
      expect([name, said]).toEqual([name, option.default])
    }
  })
})

describe('the unit', () => {
  it('uses flags that exist', () => {
    const commands = unit.split('\n').filter((line) => /^Exec\w+=\S*nomyo-gateway /.test(line))
    expect(commands).toHaveLength(2)
    const flags = [...commands.join('\n').matchAll(/ --([a-z\d-]+)/g)].map(([, name]) => name ?? '')
    const names = Object.keys(OPTIONS).map(flagName)
    expect(names).toEqual(expect.arrayContaining(flags))
  })

  it('leaves time for requests in flight', () => {
    const [, delay] = /--drain-delay (\d+)s/.exec(unit) ?? []
    const [, stop] = /^TimeoutStopSec=(\d+)$/m.exec(unit) ?? []
    const drainSeconds = drainTimeoutMs(readConfig(['--engine', 'demo'])) / 1000
    expect(Number(stop)).toBeGreaterThan(Number(delay) + drainSeconds)
  })

  it('writes no core dumps, and does not run as root', () => {
    expect(unit).toMatch(/^LimitCORE=0$/m)
    expect(unit).toMatch(/^User=nomyo$/m)
  })
})

describe.skipIf(!systemdFound())('systemd', () => {
  /** Verified with a command that is here. */
  async function unitFile(name: string, withTpm: boolean): Promise<string> {
    const path = join(folder, name, 'nomyo-gateway.service')
    await mkdir(`${path}.d`, { recursive: true })
    await writeFile(path, unit.replaceAll('/usr/local/bin/nomyo-gateway', process.execPath))
    if (withTpm) await writeFile(`${path}.d/tpm.conf`, tpmDropIn)
    return path
  }

  it.each([
    ['plain', false, 14],
    ['tpm', true, 18],
  ])('finds nothing wrong, and little exposure: %s', async (name, withTpm, threshold) => {
    const path = await unitFile(name, withTpm)
    const verify = execFileSync('systemd-analyze', ['verify', path], { encoding: 'utf8' })
    expect(verify).toBe('')
    const security = ['security', '--offline=true', `--threshold=${threshold}`, path]
    // Ends with a failure above the threshold, in tenths.
    execFileSync('systemd-analyze', security, { stdio: 'ignore' })
  })
})

/** Whose verdicts are known: later ones look at more. */
function systemdFound(): boolean {
  try {
    const text = execFileSync('systemd-analyze', ['--version'], { encoding: 'utf8' })
    return Number(/\d+/.exec(text)?.[0]) >= 250
  } catch {
    return false
  }
}
