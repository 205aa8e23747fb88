import { expect, it, vi } from 'vitest'
import { hello, newClient, newGateway } from './sealed-exchange/support.js'

vi.mock('../src/completion/create-receipt.js', () => {
  throw new TypeError('Failed to fetch dynamically imported module')
})

it('a client without the code of receipts sends no request whose receipt it owes', async () => {
  const gateway = await newGateway()
  const client = newClient(gateway, { onReceipt: () => undefined })
  await expect(client.create(hello)).rejects.toMatchObject({
    name: 'APIConnectionError',
    code: 'ERR_NETWORK',
  })
  expect(gateway.requests).toEqual([])
  await newClient(gateway).create(hello)
  expect(gateway.requests).toHaveLength(1)
})
