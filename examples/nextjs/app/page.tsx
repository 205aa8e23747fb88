'use client'

import { useEffect, useState, type FormEvent } from 'react'

/** A form that shows the answer while it arrives. */
export default function Page() {
  const [answer, setAnswer] = useState('')
  const [state, setState] = useState<'loading' | 'ready' | 'busy' | 'failed'>('loading')
  // Until React handles the form, the browser would send the message in an address.
  useEffect(() => setState('ready'), [])

  async function ask(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const message = new FormData(event.currentTarget).get('message')
    setAnswer('')
    setState('busy')
    try {
      const response = await fetch('/api/chat', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ message }),
      })
      if (!response.ok || response.body === null) throw new Error(`status ${response.status}`)
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const { value } = part
        setAnswer((text) => text + value)
      }
      setState('ready')
    } catch {
      setState('failed')
    }
  }

  return (
    <main>
      <form onSubmit={ask}>
        <label>
          Message <input name="message" required />
        </label>
        <button disabled={state === 'loading' || state === 'busy'}>Send</button>
      </form>
      <output>{answer}</output>
      {state === 'failed' && <p role="alert">The answer is not whole: try again.</p>}
    </main>
  )
}
