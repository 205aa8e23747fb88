import { startModelServer } from '@nomyo-internal/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { fileGateway } from '../support.js'
import { metric } from '../measure.js'
import { ask } from './client.js'

const ALICE = 'the-api-key-of-alice'
const asAlice = { authorization: `Bearer ${ALICE}` }
const NAMES = ['org/model one', 'org/two', 'plain', 'hidden', '%70lain', '\ud800half']

const upstream = await startModelServer()
afterAll(() => {
  upstream.stop()
})
upstream.answer = (response) => {
  response.end(JSON.stringify({ data: NAMES.map((id) => ({ id, owned_by: 'a-secret-owner' })) }))
}
const gateway = await fileGateway({
  args: ['--upstream', upstream.url, '--api-key', ALICE, '--metrics-port', '0'],
  config: { policy: { tiers: { standard: { models: ['org/*', 'plain', '%70*', '*half'] } } } },
})

const modelOf = (id: string) => ({ id, object: 'model', created: 0, owned_by: 'gateway' })
const get = (path: string, fields: Record<string, string> = asAlice) =>
  ask(gateway, { method: 'GET', path, fields, content: new Uint8Array() })

describe('GET /v1/models inside the encryption', () => {
  it('lists the models that the caller may use, and nothing else that model servers say', async () => {
    const { status, json } = await get('/v1/models')
    expect(status).toBe(200)
    expect(json).toEqual({
      object: 'list',
      data: ['%70lain', 'org/model one', 'org/two', 'plain', '\ud800half'].map(modelOf),
    })
  })

  it('needs an API key', async () => {
    expect((await get('/v1/models', {})).status).toBe(401)
  })

  it('counts by its endpoint, and tokens of nothing', async () => {
    const name = 'nomyo_endpoint_requests_total{endpoint="GET /v1/models"}'
    const before = await metric(gateway, name)
    await get('/v1/models')
    await expect.poll(() => metric(gateway, name)).toBe(before + 1)
  })
})

describe('GET /v1/models/{id} inside the encryption', () => {
  it.each([
    ['as it is', 'org/two', 'org/two'],
    ['encoded', 'org%2Fmodel%20one', 'org/model one'],
    ['that reads like an encoded one', '%70lain', '%70lain'],
    ['of it, encoded', '%2570lain', '%70lain'],
  ])('answers with the model of a name %s', async (_form, path, id) => {
    const { status, json } = await get(`/v1/models/${path}`)
    expect({ status, json }).toEqual({ status: 200, json: modelOf(id) })
  })

  it.each([
    ['no model has', 'unknown'],
    ['another model has, decoded', '%6frg/two'],
    ['the policy hides', 'hidden'],
    ['goes up', '../models'],
    ['is empty', ''],
    ['ends with a query', 'plain?a=b'],
  ])('refuses a name that %s', async (_reason, path) => {
    expect((await get(`/v1/models/${path}`)).status).toBe(404)
  })

  it('tells the caller which fault it is', async () => {
    const { json } = await get('/v1/models/unknown')
    expect(json).toMatchObject({ error: { status: 404, code: 'model_not_found', param: 'model' } })
  })
})
