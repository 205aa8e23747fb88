import { expect, it } from 'vitest'
import { Tpm, TpmError, createTpmTransport } from '../src/index.js'
import { withCode } from '@nomyo-internal/testing'

it.each([
  'device',
  '/dev/tpmrm0',
  'unix:///run/swtpm/socket',
  'tcp://127.0.0.1:2321',
  'tcp://127.0.0.1:2321/',
  'tcp://localhost:1',
  'tcp://[::1]:65535',
])('accepts %s without connecting', async (address) => {
  await createTpmTransport(address).close()
})

it.each([
  '',
  'tcp://',
  'tcp://127.0.0.1',
  'tcp://127.0.0.1:0',
  'tcp://127.0.0.1:65536',
  'tcp://user@127.0.0.1:2321',
  'tcp://127.0.0.1:2321/path',
  'tcp://127.0.0.1:2321\n',
  'http://127.0.0.1:2321',
  '127.0.0.1:2321',
  'unix://',
  'unix://relative/socket',
  '/run/swtpm/socket',
  'DEVICE',
])('refuses %j', (address) => {
  for (const use of [() => createTpmTransport(address), () => new Tpm(address)]) {
    expect(use).toThrow(withCode('ERR_TPM_ADDRESS'))
    expect(use).toThrow(TpmError)
  }
})
