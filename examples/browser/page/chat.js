import { SecureChatCompletion } from '/nomyo.js'

const { baseUrl, model } = await (await fetch('/settings.json')).json()

// Every visitor can read a key in a page: give each visitor a key of their own, as `apiKey`.
const nomyo = new SecureChatCompletion({
  baseUrl,
  // Plain HTTP is for a gateway on this machine: on a network, an attacker could replace its keys.
  allowHttp: new URL(baseUrl).hostname === 'localhost',
})

const form = document.querySelector('form')
const button = document.querySelector('button')
const output = document.querySelector('output')
const alert = document.querySelector('[role=alert]')

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const content = new FormData(form).get('message')
  output.textContent = ''
  alert.textContent = ''
  button.disabled = true
  try {
    const stream = await nomyo.chat.completions.create({
      model,
      messages: [{ role: 'user', content }],
      stream: true,
    })
    for await (const { choices } of stream) output.append(choices[0]?.delta.content ?? '')
  } catch (error) {
    // An answer that failed on its way is not whole.
    alert.textContent = `${error.name} ${error.code ?? ''}`
  } finally {
    button.disabled = false
  }
})

button.disabled = false
