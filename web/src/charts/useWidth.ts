import { type RefObject, useLayoutEffect, useRef, useState } from "react";

/** The width of an element, followed as it changes; `fallback` before the first measurement. */
export function useWidth<T extends HTMLElement>(fallback: number): [RefObject<T | null>, number] {
  const element = useRef<T>(null);
  const [width, setWidth] = useState(fallback);
  useLayoutEffect(() => {
    const node = element.current;
    if (node === null) return;
    const measure = () => setWidth((previous) => node.clientWidth || previous);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(node);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}
