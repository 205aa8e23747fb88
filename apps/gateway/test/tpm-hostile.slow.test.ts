import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isInstalled } from '@nomyo-internal/testing'
import { testGatewayProcess } from './support.js'
import { evidenceOfAnswer } from './tpm/evidence.js'

const NONE = { is_available: false }
const DEMO = ['--engine', 'demo']

const hasTerminals = process.platform === 'linux' && isInstalled('script')

/** A terminal without input: it accepts writes, and a read does not end. */
async function silentDevice(): Promise<string> {
  const child = spawn('script', ['-qfc', 'stty raw -echo; tty; sleep 60', '/dev/null'])
  onTestFinished(() => void child.kill())
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return line.toString().trim()
}

describe.skipIf(!hasTerminals)('a device that never answers', () => {
  it('does not occupy the threads that decrypt and encrypt', async () => {
    const gateway = await testGatewayProcess({
      args: [...DEMO, '--tpm', await silentDevice()],
      // One for the device, one for everything else: a second attempt must not take that too.
      env: { UV_THREADPOOL_SIZE: '2' },
    })
    const end = performance.now() + 3000
    while (performance.now() < end) {
      expect(await evidenceOfAnswer(gateway)).toEqual(NONE)
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    gateway.kill('SIGKILL')
  })
})
