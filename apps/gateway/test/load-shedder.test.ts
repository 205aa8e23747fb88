import { expect, it } from 'vitest'
import { LoadShedder } from '../src/completion/load/load-shedder.js'
import { Metrics } from '../src/observability/metrics/metrics.js'

it('decrypts requests of wire 2 while those of wire 1 wait, and counts both that wait', async () => {
  const metrics = new Metrics()
  const shedder = new LoadShedder({ maxOpens: 1, maxQueue: 1 }, metrics, 1024)
  const { signal } = new AbortController()
  const releases: (() => void)[] = []
  const held = () => new Promise<void>((resolve) => releases.push(resolve))
  const decrypt = (wire: 1 | 2) => shedder.decrypt(wire, 'caller', held, signal)
  const waiting = async () =>
    /^nomyo_open_queue (\d+)$/m.exec(await metrics.registry.metrics())?.[1]

  const ofWire1 = [decrypt(1), decrypt(1)]
  expect(releases).toHaveLength(1)
  const ofWire2 = [decrypt(2), decrypt(2)]
  expect(releases).toHaveLength(2)
  expect(await waiting()).toBe('2')
  for (const wire of [1, 2] as const) {
    await expect(decrypt(wire)).rejects.toMatchObject({ statusCode: 503 })
  }

  releases[1]?.()
  await ofWire2[0]
  expect(releases).toHaveLength(3)
  for (const release of releases) release()
  await Promise.all([...ofWire2, ofWire1[0]])
  releases.at(-1)?.()
  await ofWire1[1]
  expect(await waiting()).toBe('0')
})
