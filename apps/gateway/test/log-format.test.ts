import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { isInstalled, runGateway, until } from '@nomyo-internal/testing'
import { send, testGatewayProcess, testKeyDir } from './support.js'

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const TEXT = /^\d{4}-\d\d-\d\dT[\d:.]{12}Z (?:debug|info {1,2}|warn {1,2}|error|fatal) \S/

const linesOf = (text: string): string[] => text.split(/\r?\n/).filter((line) => line !== '')

describe('standard error', () => {
  it('is one JSON object per line where it is no terminal: notices and requests', async () => {
    const gateway = await testGatewayProcess({ args: ['--engine', 'demo'] })
    await send(gateway)
    const { stdout, stderr } = await gateway.stop()
    expect(stdout).toBe(`listening on ${gateway.url}\n`)
    const lines = linesOf(stderr).map((line) => JSON.parse(line) as Record<string, unknown>)
    for (const line of lines) {
      expect(line).toMatchObject({ name: 'nomyo-gateway', level: expect.any(Number) as number })
    }
    const messages = lines.map(({ msg }) => String(msg))
    expect(messages).toContain('request')
    expect(messages.some((text) => text.startsWith('server key sha256/'))).toBe(true)
    expect(messages.some((text) => text.startsWith('SIGTERM'))).toBe(true)
  })

  it('is text with --log-format text', async () => {
    const gateway = await testGatewayProcess({ args: ['--engine', 'demo', '--log-format', 'text'] })
    await send(gateway)
    const { stderr } = await gateway.stop()
    for (const line of linesOf(stderr)) expect(line).toMatch(TEXT)
    expect(stderr).toMatch(/ info {2}request .*method=POST .*status=200 .*outcome=ok /)
  })

  it('has no notice below --log-level', async () => {
    const gateway = await testGatewayProcess({ args: ['--engine', 'demo', '--log-level', 'error'] })
    expect((await gateway.stop()).stderr).toBe('')
  })

  it.each([[[]], [['--log-level', 'silent']]])(
    'has the reason of a failed start in the same format: %j',
    async (words) => {
      const folder = testKeyDir({ 'private_key.pem': 'server' })
      const args = ['--engine', 'demo', '--port', '0', '--key-dir', folder]
      const run = runGateway([...args, '--keys-file', '/nowhere/keys.json', ...words])
      const { code, stderr } = await run.ended
      expect(code).toBe(1)
      const lines = linesOf(stderr).map((line) => JSON.parse(line) as Record<string, unknown>)
      expect(lines.at(-1)).toMatchObject({
        level: 60,
        msg: expect.stringContaining('ERR_API_KEYS_FILE') as string,
      })
    },
  )

  it.skipIf(!isInstalled('script'))('is text on a terminal', async () => {
    const folder = testKeyDir({ 'private_key.pem': 'server' })
    const command = [process.execPath, MAIN, '--engine', 'demo', '--port', '0']
    const words = [...command, '--key-dir', folder].map((word) => `'${word}'`).join(' ')
    // A line of input ends the gateway, and with it the terminal.
    const line = `${words} & gateway=$!; read -r _; kill $gateway; wait`
    const terminal = spawn('script', ['-qefc', line, '/dev/null'])
    const ended = once(terminal, 'close')
    let output = ''
    terminal.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    await until(() => output.includes('listening on') && output.includes('server key'))
    terminal.stdin.end('\n')
    await ended
    const notices = linesOf(output).filter((text) => !/^$|^listening on/.test(text))
    expect(notices.length).toBeGreaterThan(0)
    for (const notice of notices) expect(notice).toMatch(TEXT)
  })
})
