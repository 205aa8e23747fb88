import { GATEWAY_PATH } from '@nomyo/crypto/wire-2'
import { runGateway, stopAfterTest } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { failureOf, runCommand } from '../support.js'

const FOR = ['--for', 'http://127.0.0.1:1']

describe('nomyo-gateway relay', () => {
  it.each([
    [[]],
    [['--for', 'canary']],
    [['--for', 'https://user:canary@gateway.example']],
    [['--for', 'https://gateway.example/v1']],
    [[...FOR, '--tls-cert', 'canary']],
    [[...FOR, '--tls-key', 'canary']],
    [[...FOR, '--cors-origin', '*', '--cors-origin', 'https://page.example']],
    [[...FOR, '--idle-timeout', '2h', '--total-timeout', '1h']],
    [[...FOR, '--idle-timeout', '10m', '--total-timeout', '5m']],
    [[...FOR, '--rate-limit', '0/s']],
    [[...FOR, '--source-address', 'canary']],
    [[...FOR, '--trust-proxy', '10.0.0.0/0']],
    [[...FOR, '--key-dir', 'canary']],
    [[...FOR, 'canary']],
  ])('refuses %j', async (args) => {
    const message = failureOf(await runCommand(['relay', ...args]), 2)
    expect(message).not.toContain('canary')
  })

  it('explains what keeps it from starting', async () => {
    const files = ['--tls-cert', '/nowhere', '--tls-key', '/nowhere']
    const { code, stderr } = await runCommand(['relay', ...FOR, ...files])
    expect(code).toBe(1)
    expect(stderr).toContain('ERR_TLS_FILES')
  })

  it('starts with variables of its own, warns of http, and ends with a signal', async () => {
    const relay = stopAfterTest(
      runGateway(['relay', '--log-format', 'json'], {
        env: { NOMYO_RELAY_FOR: 'http://127.0.0.1:1', NOMYO_RELAY_PORT: '0', NOMYO_PORT: '1' },
      }),
    )
    const url = await relay.prints(/^listening on (\S+)$/m)
    expect((await fetch(`${url}/health`)).status).toBe(200)
    expect((await fetch(url + GATEWAY_PATH)).status).toBe(405)
    expect(relay.stderr()).toContain('http://')
    expect((await relay.stop()).code).toBe(0)
  })
})
