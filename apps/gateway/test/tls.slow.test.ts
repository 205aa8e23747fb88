import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { isInstalled, makeCa, temporaryFolder } from '@nomyo-internal/testing'
import { testGatewayProcess } from './support.js'

it.skipIf(!isInstalled('openssl'))(
  'a gateway with TLS is not held up for ever by a connection without a handshake',
  async () => {
    const { cert, key } = makeCa(temporaryFolder(), 'gateway')
    const gateway = await testGatewayProcess({
      args: ['--engine', 'demo', '--tls-cert', cert, '--tls-key', key],
    })
    const socket = connect(gateway.port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    gateway.kill('SIGTERM')
    expect((await gateway.ended).code).toBe(0)
  },
)
