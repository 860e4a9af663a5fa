use super::node::Node;

#[test]
fn probe() {
    for text in [
        "a: 0644\n",
        "a: 0x1F\n",
        "a: 1_000\n",
        "on: yes\n",
        "a: |\n  x\n  y\nb: \"q\"\nc: 'q'\nd: [1, 2.5, ~, {e: f}]\n",
        "a: 1\na: 2\n",
        "a: &x 1\nb: *x\n",
        "a: !foo 1\n",
        "a: [1\n",
        "\ta: b\n",
        "---\na: 1\n---\nb: 2\n",
        "",
        "a: .nan\n",
        "? [a]\n: b\n",
        "5: a\n0x5: b\n",
        "true: b\n",
        "é: x\nb: [\"é\", z]\n",
        "<<: {a: b}\n",
        "a: 12345678901234567890123\n",
        "a: '\n",
        "a: >-\n    folded\n    text\n",
        "a: b: c\n",
        "~: x",
        "a: !!str 5\n",
        "a: ''\nb: \"\"\nc:\n",
    ] {
        eprintln!(
            "{text:?}\n   {:?}",
            Node::parse("f", text).map_err(|e| e.to_string())
        );
    }
    let deep = "[".repeat(5000);
    eprintln!("{:?}", Node::parse("f", &deep).map_err(|e| e.to_string()));
    let deep: String = (0..60).map(|i| " ".repeat(i) + "a:\n").collect();
    eprintln!("{:?}", Node::parse("f", &deep).map_err(|e| e.to_string()));
}
