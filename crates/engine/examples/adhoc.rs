use std::time::Duration;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let t0 = std::time::Instant::now();
    let library = runproof_suite::Library::builtin().unwrap();
    eprintln!("library {:?}", t0.elapsed());
    let site =
        runproof_suite::SiteFile::load("s", &std::fs::read_to_string(&args[1]).unwrap()).unwrap();
    for d in site.check(&library) {
        eprintln!("{d}");
    }
    let plan = runproof_suite::bind(&library, &site.site, &runproof_suite::Selection::all());
    eprintln!("bound {:?} wanted {}", t0.elapsed(), plan.wanted().len());
    let rt = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let key = runproof_engine::SiteKey::load(None).unwrap();
    let options = runproof_engine::RunOptions {
        probe_timeout: Duration::from_secs(30),
        jobs: 16,
        deadline: None,
    };
    let c = rt.block_on(runproof_engine::check(
        &site.site,
        &plan,
        &Default::default(),
        Default::default(),
        &key,
        &options,
        &runproof_site::Silent,
        &Default::default(),
    ));
    eprintln!("checked {:?}", t0.elapsed());
    for f in &c.report.findings {
        if f.verdict.as_str() != "pass" && f.verdict.as_str() != "skip" {
            println!(
                "{} {}@{} {} [{:?}]",
                f.verdict.as_str(),
                f.id,
                f.node,
                f.message,
                f.because_of
            );
        }
    }
    println!("{:?} exit {}", c.report.summary, c.report.exit_code);
    if args.len() > 2 {
        println!("{}", serde_json::to_string_pretty(&c.evidence).unwrap());
    }
}
