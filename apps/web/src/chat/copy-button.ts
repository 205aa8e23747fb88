import { element } from '../dom.js'

const CONFIRMED_MS = 2000

/** Creates a button that copies a text. */
export function copyButton(text: () => string): HTMLButtonElement {
  const button = element('button', { type: 'button', class: 'quiet' }, 'Copy')
  button.addEventListener('click', () => void copy(button, text()))
  return button
}

/** Copies the code beside the button that was pressed, if it is one of those in answers. */
export function copyCode(event: Event): void {
  const button = event.target
  if (!(button instanceof HTMLButtonElement) || button.dataset['copy'] !== 'code') return
  void copy(button, button.closest('figure')?.querySelector('code')?.textContent ?? '')
}

async function copy(button: HTMLButtonElement, text: string): Promise<void> {
  const name = (button.dataset['name'] ??= button.textContent)
  button.textContent = await navigator.clipboard.writeText(text).then(
    () => 'Copied',
    () => 'Not allowed',
  )
  setTimeout(() => {
    button.textContent = name
  }, CONFIRMED_MS)
}
