import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startProgram, temporaryFolder, until, type Program } from '@nomyo-internal/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  addApiKey,
  chat,
  holdAnswer,
  logEntries,
  send,
  serverKeys,
  statusOf,
  temporaryFile,
  testGatewayProcess,
  testKeyDir,
  testModelServer,
} from './support.js'

const VECTOR_KEYS = new URL('../../../internal/testing/src/vector-keys.mjs', import.meta.url).href
const LAUNCHER = fileURLToPath(new URL('../bin/nomyo-gateway.cjs', import.meta.url))
const launched = { command: [process.execPath, LAUNCHER] }

it('SIGHUP reloads the keys file, and SIGUSR2 creates the next server key', async () => {
  const file = temporaryFile('{"version":1,"keys":[]}')
  const gateway = await testGatewayProcess({
    args: ['--engine', 'demo', '--keys-file', file, '--key-lead', '1s'],
    env: { NODE_OPTIONS: `--import ${VECTOR_KEYS}` },
  })
  const key = await addApiKey(file)
  const status = async (): Promise<number> =>
    (await send(gateway, chat('x'), { authorization: `Bearer ${key}` })).status
  expect(await status()).toBe(401)
  gateway.kill('SIGHUP')
  await expect.poll(status).toBe(200)
  gateway.kill('SIGUSR2')
  await expect
    .poll(async () => (await fetch(`${gateway.url}/pki/public_key`)).text())
    .not.toBe(serverKeys.publicKey.pem)
})

it('SIGHUP reads the config file again, all or nothing, and says what changed', async () => {
  const file = temporaryFile('maxQueue: 7\n')
  const gateway = await testGatewayProcess({ args: ['--engine', 'demo', '--config', file] })
  const lines = (): Record<string, unknown>[] => logEntries(gateway.stderr())
  writeFileSync(file, 'tiers: { standard: { models: [other] } }\nunknown: 1\n')
  gateway.kill('SIGHUP')
  const failure = await until(() => lines().find(({ level }) => level === 50))
  expect(failure).toMatchObject({ code: 'ERR_CONFIG', detail: expect.stringContaining('unknown') })
  expect((await send(gateway)).status).toBe(200)
  writeFileSync(
    file,
    'maxQueue: 7\ntiers: { standard: { models: [other] } }\nport: 1\nmaxBody: 1MiB\n',
  )
  gateway.kill('SIGHUP')
  const success = await until(() => lines().find(({ changed }) => changed !== undefined))
  expect(success).toMatchObject({ level: 30, needsRestart: ['maxBody'] })
  expect(success['changed']).toEqual([expect.stringMatching(/^tiers/)])
  expect(success['msg']).toMatch(/^reloaded: tiers .*; a restart is needed for maxBody$/)
  expect((await send(gateway)).status).toBe(403)
  const { code } = await gateway.stop()
  expect(code).toBe(0)
})

describe('a process', () => {
  it('opens no debugger at SIGUSR1', async () => {
    const gateway = await testGatewayProcess(launched)
    gateway.kill('SIGUSR1')
    expect((await send(gateway)).status).toBe(200)
    const { code, stderr } = await gateway.stop()
    expect({ code, opened: /debugger/i.test(stderr) }).toEqual({ code: 0, opened: false })
  })

  it('warns of a debugger that was asked for', async () => {
    const gateway = await testGatewayProcess({ env: { NODE_OPTIONS: '--inspect=127.0.0.1:0' } })
    const warnings = gateway
      .stderr()
      .split('\n')
      .filter((line) => line.includes('keys and prompts'))
    expect(warnings).toHaveLength(1)
    const quiet = await testGatewayProcess()
    expect(quiet.stderr()).not.toContain('keys and prompts')
  })

  const start = (...args: string[]): Program => {
    const given = ['--port', '0', '--engine', 'demo', ...args]
    const program = startProgram(process.execPath, [LAUNCHER, ...given], { cwd: temporaryFolder() })
    onTestFinished(() => program.stop().then(() => undefined))
    return program
  }

  it.skipIf(process.platform !== 'linux')(
    'survives SIGHUP at every moment of its start, and reloads after it',
    async () => {
      const keyDir = testKeyDir({ 'private_key.pem': 'server' })
      const keysFile = temporaryFile('{"version":1,"keys":[]}')
      const program = start('--key-dir', keyDir, '--keys-file', keysFile)
      // From the first line on: Node itself takes a moment before.
      await expect.poll(() => handlesHangup(program.pid), { interval: 1 }).toBe(true)
      const timer = setInterval(() => {
        program.kill('SIGHUP')
      }, 5)
      await program.prints(/^listening on (\S+)$/m)
      clearInterval(timer)
      await expect.poll(() => program.stderr()).toContain('reloaded')
      expect(await program.stop()).toMatchObject({ code: 0, signal: null })
    },
  )

  it('ends well at SIGTERM during its start', async () => {
    // Without a folder it generates a key first.
    const program = start()
    await expect.poll(() => program.stderr()).toContain('demo engine')
    program.kill('SIGTERM')
    const { code, signal, stderr } = await program.ended
    expect({ code, signal }).toEqual({ code: 0, signal: null })
    expect(stderr).toContain('SIGTERM')
  })
})

/** Reads from the kernel whether a process handles SIGHUP, signal 1. */
function handlesHangup(pid: number): boolean {
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8')
  const [, caught = '0'] = /^SigCgt:\t([\da-f]+)$/m.exec(status) ?? []
  return (BigInt(`0x${caught}`) & 1n) === 1n
}

describe('a signal to stop', () => {
  it('ends the process at once if it is the second', async () => {
    const upstream = await testModelServer()
    const { arrived } = holdAnswer(upstream)
    const gateway = await testGatewayProcess({ args: ['--upstream', upstream.url] })
    const abandoned = send(gateway).catch(() => undefined)
    await arrived
    gateway.kill('SIGTERM')
    await expect.poll(() => gateway.stderr()).toContain('for at most 660 seconds')
    gateway.kill('SIGTERM')
    expect(await gateway.ended).toMatchObject({ code: 1, signal: null })
    await abandoned
  })

  it('waits no longer than --drain-timeout', async () => {
    const upstream = await testModelServer()
    const { arrived } = holdAnswer(upstream)
    const args = ['--upstream', upstream.url, '--drain-timeout', '1s']
    const gateway = await testGatewayProcess({ args })
    const abandoned = send(gateway).catch(() => undefined)
    await arrived
    gateway.kill('SIGTERM')
    expect(await gateway.ended).toMatchObject({ code: 1, signal: null })
    await abandoned
  })

  it('lets requests finish that have begun', async () => {
    const upstream = await testModelServer()
    const { arrived, release } = holdAnswer(
      upstream,
      '{"choices":[{"index":0,"message":{"role":"assistant","content":"x"}}]}',
    )
    const gateway = await testGatewayProcess({ args: ['--upstream', upstream.url] })
    const status = statusOf(send(gateway))
    await arrived
    gateway.kill('SIGTERM')
    await expect.poll(() => gateway.stderr()).toContain('SIGTERM')
    release()
    expect(await status).toBe(200)
    expect(await gateway.ended).toMatchObject({ code: 0 })
  })
})
