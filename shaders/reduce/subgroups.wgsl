// As reduce/shared.wgsl, for GPUs whose threads add in subgroups. Neighbouring threads are in the same
// subgroup, all of one size, as every implementation has it for workgroups of one dimension.
// Browsers want `enable subgroups;` before all else.

var<workgroup> reduced: array<vec4<f32>, THREADS>;

fn workgroup_sums(thread: u32, value: vec4<f32>) -> vec4<f32> {
    let size = subgroupAdd(1u);
    let part = subgroupAdd(value);
    workgroupBarrier();
    if thread % size == 0u {
        reduced[thread / size] = part;
    }
    workgroupBarrier();
    var sum = vec4<f32>(0.0);
    for (var i = 0u; i < THREADS / size; i++) {
        sum += reduced[i];
    }
    return sum;
}

fn workgroup_sum(thread: u32, value: f32) -> f32 {
    return workgroup_sums(thread, vec4<f32>(value, 0.0, 0.0, 0.0)).x;
}

fn workgroup_max(thread: u32, value: f32) -> f32 {
    let size = subgroupAdd(1u);
    let part = subgroupMax(value);
    workgroupBarrier();
    if thread % size == 0u {
        reduced[thread / size].x = part;
    }
    workgroupBarrier();
    var largest = reduced[0].x;
    for (var i = 1u; i < THREADS / size; i++) {
        largest = max(largest, reduced[i].x);
    }
    return largest;
}
