import { expect, it } from 'vitest'
import { UnidentifiedPlaces } from '../../src/completion/load/unidentified-places.js'

function create(total: number) {
  let evictions = 0
  const places = new UnidentifiedPlaces(total, () => {
    evictions++
  })
  return { places, evictions: () => evictions }
}

it('a full house gives a new request the place that the address with the most took first', () => {
  const { places, evictions } = create(4)
  const [a1, b1, a2, a3] = ['a', 'b', 'a', 'a'].map((address) => places.enter(address))
  const states = () => [a1, b1, a2, a3].map((place) => place!.evicted.aborted)
  expect(states()).toEqual([false, false, false, false])
  places.enter('c')
  expect(states()).toEqual([true, false, false, false])
  places.enter('a')
  expect(states()).toEqual([true, false, true, false])
  expect(evictions()).toBe(2)
})

it('a place that is given back, once or twice, is free once', () => {
  const { places, evictions } = create(2)
  const first = places.enter('a')
  places.enter('a')
  first.release()
  first.release()
  places.enter('b')
  expect(evictions()).toBe(0)
  const late = places.enter('b')
  expect(evictions()).toBe(1)
  first.release()
  late.release()
  places.enter('c')
  expect(evictions()).toBe(1)
})

it('a lower total evicts until there is room', () => {
  const { places, evictions } = create(3)
  for (const address of ['a', 'b', 'c']) places.enter(address)
  places.setTotal(1)
  places.enter('d')
  expect(evictions()).toBe(3)
})

it('without any place a new request does not wait for one for ever', () => {
  const { places, evictions } = create(0)
  expect(places.enter('a').evicted.aborted).toBe(false)
  places.enter('b')
  expect(evictions()).toBe(1)
})
